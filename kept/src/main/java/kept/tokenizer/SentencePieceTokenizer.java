package kept.tokenizer;

import ai.djl.engine.EngineException;
import ai.djl.sentencepiece.SpTokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalInt;

/** A SentencePiece model: encoding by the native library, decoding by {@link SentencePieceDecoder}. */
final class SentencePieceTokenizer implements Tokenizer {
    private final String name;
    private final SentencePieceModel model;
    private final SentencePieceDecoder decoder;
    private final SpTokenizer library;

    private SentencePieceTokenizer(String name, SentencePieceModel model, SpTokenizer library) {
        this.name = name;
        this.model = model;
        this.decoder = new SentencePieceDecoder(model);
        this.library = library;
    }

    static SentencePieceTokenizer load(Path file) {
        try {
            return of(Files.readAllBytes(file), file.toString());
        } catch (IOException e) {
            throw new TokenizerException("[tokenizer] " + file + " cannot be read: " + e, e);
        }
    }

    static SentencePieceTokenizer of(byte[] bytes, String name) {
        // The library may end the whole process over a bad model; our own reading of it comes first and throws.
        var model = SentencePieceModel.parse(bytes, name);
        if (model.whitespaceAsSuffix()) {
            throw new TokenizerException("[tokenizer] " + name
                    + " puts spaces at the end of words (treat_whitespace_as_suffix), which is not read here");
        }
        NativeLibraries.prepare();
        try {
            return new SentencePieceTokenizer(name, model, new SpTokenizer(bytes));
        } catch (EngineException e) {
            throw new TokenizerException("[tokenizer] " + name + " is refused by SentencePiece: " + e.getMessage(), e);
        } catch (LinkageError | IllegalStateException e) {
            throw new TokenizerException("[tokenizer] SentencePiece's native library does not load: " + e
                    + "; DJL unpacks it to ~/.djl.ai (DJL_CACHE_DIR chooses another place), which must be writable", e);
        }
    }

    @Override
    public int[] encode(String text) {
        return text.isEmpty() ? new int[0] : library.getProcessor().encode(text);
    }

    @Override
    public String decode(int... ids) {
        for (int id : ids) {
            if (id < 0 || id >= vocabularySize()) {
                throw new TokenizerException("[decode] id " + id + " is not one of the " + vocabularySize() + " of " + name);
            }
        }
        return decoder.decode(ids);
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
    public OptionalInt eos() {
        return model.control(model.eosPiece());
    }

    @Override
    public String description() {
        return name + " (SentencePiece " + (model.isBpe() ? "BPE" : "unigram") + ", " + vocabularySize() + " pieces)";
    }

    @Override
    public void close() {
        library.close();
    }
}
