package kept.tokenizer;

import ai.djl.engine.EngineException;
import ai.djl.sentencepiece.SpTokenizer;
import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.function.UnaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import kept.text.Reasons;
import kept.text.VisibleText;
import kept.tokenizer.SentencePieceModel.Type;

/** A SentencePiece model: encoded by the native library, decoded by {@link SentencePieceDecoder}. */
final class SentencePieceTokenizer implements Tokenizer {
    /** The library needs about 250 bytes of memory per character. */
    private static final int MAX_TEXT_LENGTH = 32_000_000;
    private static final long MAX_FILE = 1L << 28;

    private static final int SHOWN = 100;

    private final String name;
    private final SentencePieceModel model;
    private final SentencePieceDecoder decoder;
    private final SpTokenizer library;
    private final Map<String, String> specialTokens;
    /** The ids of control pieces and added tokens, and a pattern that matches their texts. */
    private final Map<String, Integer> specialIds = new HashMap<>();

    private final Pattern anySpecial;
    private final boolean addsBos;

    private SentencePieceTokenizer(String name, SentencePieceModel model, SpTokenizer library, Settings settings) {
        this.name = name;
        this.addsBos = settings.addsBos && model.control(model.bosPiece()).isPresent();
        this.model = model;
        this.specialTokens = specialTokens(model, settings.specialTokens);
        for (int id = 0; id < model.pieces().size(); id++) {
            Type type = model.pieces().get(id).type();
            if (type == Type.CONTROL || type == Type.UNKNOWN) {
                specialIds.put(model.pieces().get(id).text(), id);
            }
        }
        settings.added.forEach(specialIds::putIfAbsent);
        anySpecial = Pattern.compile(specialIds.keySet().stream().sorted(Comparator.comparingInt(String::length).reversed()).map(Pattern::quote)
                .collect(Collectors.joining("|")));
        this.decoder = new SentencePieceDecoder(model);
        this.library = library;
    }

    static SentencePieceTokenizer load(Path file) {
        try {
            if (Files.size(file) > MAX_FILE) {
                throw new TokenizerException("[tokenizer] %s has %,d bytes: it is not a SentencePiece model".formatted(file, Files.size(file)));
            }
            byte[] bytes = Files.readAllBytes(file);
            return of(bytes, file.toString(), Settings.read(file.toAbsolutePath().getParent(), SentencePieceModel.parse(bytes, file.toString())));
        } catch (IOException e) {
            throw new TokenizerException("[tokenizer] " + file + " cannot be read: " + Reasons.of(e), e);
        }
    }

    static SentencePieceTokenizer of(byte[] bytes, String name) {
        return of(bytes, name, new Settings(Map.of(), Map.of(), false));
    }

    private static SentencePieceTokenizer of(byte[] bytes, String name, Settings settings) {
        // The library may abort the process on an invalid model, so it is validated in Java first.
        var model = SentencePieceModel.parse(bytes, name);
        NativeLibraries.prepare();
        try {
            return new SentencePieceTokenizer(name, model, new SpTokenizer(SentencePieceWriter.bytes(model)), settings);
        } catch (EngineException e) {
            throw new TokenizerException("[tokenizer] " + name + " is refused by SentencePiece: " + e.getMessage(), e);
        } catch (LinkageError | IllegalStateException e) {
            throw new TokenizerException("[tokenizer] SentencePiece's native library does not load: " + e
                    + "; DJL unpacks it to ~/.djl.ai (DJL_CACHE_DIR chooses another place), which must be writable", e);
        }
    }

    @Override
    public int[] encode(String text) {
        if (text.length() > MAX_TEXT_LENGTH) {
            throw new TokenizerException("[encode] a text of %,d characters is too long for %s, which takes %,d at once: cut it into several"
                    .formatted(text.length(), name, MAX_TEXT_LENGTH));
        }
        try {
            return text.isEmpty() ? new int[0] : library.getProcessor().encode(text);
        } catch (EngineException e) {
            throw new TokenizerException("[encode] %s: SentencePiece cannot encode the text '%s': %s"
                    .formatted(name, VisibleText.shortened(text, SHOWN), e.getMessage()), e);
        }
    }

    /** The configuration overrides the model. */
    private static Map<String, String> specialTokens(SentencePieceModel model, Map<String, String> configured) {
        var specialTokens = new HashMap<String, String>();
        if (model.control(model.bosPiece()).isPresent()) {
            specialTokens.put("bos_token", model.bosPiece());
        }
        if (model.control(model.eosPiece()).isPresent()) {
            specialTokens.put("eos_token", model.eosPiece());
        }
        specialTokens.put("unk_token", model.unknownPiece());
        specialTokens.putAll(configured);
        return Map.copyOf(specialTokens);
    }

    @Override
    public int[] encodeWithSpecialTokens(String text) {
        return encodeWithSpecialTokens(text, UnaryOperator.identity());
    }

    @Override
    public int[] encodeWithSpecialTokens(String text, char guard) {
        String guarding = String.valueOf(guard);
        return encodeWithSpecialTokens(text, plain -> plain.replace(guarding, ""));
    }

    private int[] encodeWithSpecialTokens(String text, UnaryOperator<String> plain) {
        if (specialIds.isEmpty()) {
            return encode(plain.apply(text));
        }
        IntStream.Builder ids = IntStream.builder();
        Matcher special = anySpecial.matcher(text);
        int from = 0;
        while (special.find()) {
            Arrays.stream(encode(plain.apply(text.substring(from, special.start())))).forEach(ids);
            ids.add(specialIds.get(special.group()));
            from = special.end();
        }
        Arrays.stream(encode(plain.apply(text.substring(from)))).forEach(ids);
        return ids.build().toArray();
    }

    @Override
    public Set<String> specialTexts() {
        return Set.copyOf(specialIds.keySet());
    }

    @Override
    public Map<String, String> specialTokens() {
        return specialTokens;
    }

    @Override
    public String decode(int... ids) {
        return decoder.decode(Tokenizer.withTexts(vocabularySize(), ids));
    }

    @Override
    public int vocabularySize() {
        return model.pieces().size();
    }

    @Override
    public OptionalInt bos() {
        return model.control(model.bosPiece());
    }

    @Override
    public boolean addsBos() {
        return addsBos;
    }

    @Override
    public OptionalInt eos() {
        return model.control(model.eosPiece());
    }

    @Override
    public String description() {
        return name + " (SentencePiece " + model.kind() + ", " + vocabularySize() + " pieces)";
    }

    @Override
    public void close() {
        library.close();
    }

    /** What the files beside the model say: special tokens by name, the ids of added tokens by text, and whether bos begins every text. */
    private record Settings(Map<String, String> specialTokens, Map<String, Integer> added, boolean addsBos) {

        static Settings read(Path directory, SentencePieceModel model) throws IOException {
            TokenizerSettings settings = TokenizerSettings.read(directory);
            JsonNode json = TokenizerSettings.readJson(directory.resolve(JSON_FILE));
            boolean addsBos = json.isEmpty() ? settings.flag("add_bos_token").orElse(false)
                    : PostProcessor.of(json).bos().filter(model.bosPiece()::equals).isPresent();
            return new Settings(TokenizerFiles.specialTokens(TokenizerSettings.config(directory)),
                    AddedTokens.beyond(directory, model.pieces().size()), addsBos);
        }
    }
}
