package kept.tokenizer;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.stream.Collectors;
import kept.tokenizer.SentencePieceModel.Piece;
import kept.tokenizer.SentencePieceModel.Type;

/**
 * Converts a SentencePiece BPE model to a {@code tokenizer.json} with the same pieces and ids, and the merges implied by the scores.
 *
 * <p>SentencePiece merges the adjacent pair whose combined piece has the highest score. Hugging Face's BPE merges the pair that comes first in a
 * list, so each piece is listed with every pair of pieces it can be split into, in score order. As in SentencePiece, a space is always inserted
 * before the text, by the normaliser; transformers' own {@code LlamaTokenizer} omits it before a text that starts with a space.
 */
final class TokenizerJson {
    private static final JsonNodeFactory JSON = JsonNodeFactory.instance;
    private static final String SPACE = String.valueOf(SentencePieceModel.SPACE);

    private final SentencePieceModel model;

    TokenizerJson(SentencePieceModel model) {
        this.model = model;
    }

    /**
     * Builds the file.
     *
     * @param bos the token prepended to every text, if any
     * @param eos the token appended to every text, if any
     * @return the file's content
     */
    ObjectNode build(OptionalInt bos, OptionalInt eos) {
        ObjectNode root = JSON.objectNode();
        root.put("version", "1.0");
        root.putNull("truncation");
        root.putNull("padding");
        root.set("added_tokens", addedTokens());
        root.set("normalizer", sequence("normalizers", normalizers()));
        if (hasSymbols()) {
            root.set("pre_tokenizer", sequence("pretokenizers", symbols()));
        } else {
            root.putNull("pre_tokenizer");
        }
        if (bos.isPresent() || eos.isPresent()) {
            root.set("post_processor", template(bos, eos));
        } else {
            root.putNull("post_processor");
        }
        root.set("decoder", sequence("decoders", decoders()));
        root.set("model", bpe());
        return root;
    }

    /** Special tokens only: text after an added token would be encoded separately, with another space before it. */
    private ArrayNode addedTokens() {
        ArrayNode tokens = JSON.arrayNode();
        for (int id = 0; id < model.pieces().size(); id++) {
            Piece piece = model.pieces().get(id);
            if (piece.type() == Type.CONTROL || piece.type() == Type.UNKNOWN) {
                tokens.addObject().put("id", id).put("content", piece.text().replace(SPACE, " ")).put("single_word", false).put("lstrip", false)
                        .put("rstrip", false).put("normalized", false).put("special", true);
            }
        }
        return tokens;
    }

    private List<ObjectNode> normalizers() {
        List<ObjectNode> steps = new ArrayList<>();
        if (!model.charsMap().isEmpty()) {
            steps.add(step("Precompiled").put("precompiled_charsmap", Base64.getEncoder().encodeToString(model.charsMap().bytes())));
        }
        if (model.removeExtraSpaces()) {
            steps.add(remove("\\A +", ""));
            steps.add(remove(" {2,}", " "));
        }
        if (model.dummyPrefix()) {
            steps.add(step("Prepend").put("prepend", SPACE));
        }
        steps.add(replace(" ", SPACE));
        if (model.removeExtraSpaces()) {
            steps.add(remove(SafePattern.TRAILING_SPACE, ""));
        }
        return steps;
    }

    private boolean hasSymbols() {
        return model.pieces().stream().anyMatch(piece -> piece.type() == Type.USER_DEFINED);
    }

    /**
     * User-defined pieces, which are never split, become separate words, longest first. Text between two of them that looks like a special token or
     * byte piece is split, so that it is not matched as a whole.
     */
    private List<ObjectNode> symbols() {
        String symbols = model.pieces().stream().filter(piece -> piece.type() == Type.USER_DEFINED).map(Piece::text)
                .sorted(Comparator.comparingInt(String::length).reversed()).map(TokenizerJson::literal).collect(Collectors.joining("|"));
        String specials = model.pieces().stream().filter(piece -> piece.type() == Type.CONTROL || piece.type() == Type.UNKNOWN).map(Piece::text)
                .filter(text -> text.codePointCount(0, text.length()) > 1).map(text -> {
                    int cut = text.offsetByCodePoints(0, 1);
                    return "\\A%s(?=%s\\z)".formatted(literal(text.substring(0, cut)), literal(text.substring(cut)));
                }).collect(Collectors.joining("|"));
        return List.of(split(symbols), split(specials + (model.byteFallback() ? "|\\A<(?=0x[0-9A-F][0-9A-F]>\\z)" : "")));
    }

    private static ObjectNode split(String pattern) {
        ObjectNode split = step("Split");
        split.putObject("pattern").put("Regex", pattern);
        return split.put("behavior", "Isolated").put("invert", false);
    }

    private static String literal(String text) {
        return text.replaceAll("([^\\p{L}\\p{N}\\s\u2581_<>:;,='\"!@%&`~\\x{80}-\\x{10ffff}])", "\\\\$1");
    }

    private static ObjectNode remove(String pattern, String leaving) {
        ObjectNode replace = step("Replace");
        replace.putObject("pattern").put("Regex", pattern);
        return replace.put("content", leaving);
    }

    private List<ObjectNode> decoders() {
        List<ObjectNode> steps = new ArrayList<>();
        steps.add(replace(SPACE, " "));
        steps.add(step("ByteFallback"));
        steps.add(step("Fuse"));
        if (model.dummyPrefix()) {
            steps.add(step("Strip").put("content", " ").put("start", 1).put("stop", 0));
        }
        return steps;
    }

    private ObjectNode template(OptionalInt bos, OptionalInt eos) {
        ObjectNode template = step("TemplateProcessing");
        for (String form : List.of("single", "pair")) {
            ArrayNode items = template.putArray(form);
            for (int part = 0; part < (form.equals("single") ? 1 : 2); part++) {
                int type = part;
                bos.ifPresent(id -> items.addObject().putObject("SpecialToken").put("id", text(id)).put("type_id", type));
                items.addObject().putObject("Sequence").put("id", part == 0 ? "A" : "B").put("type_id", type);
                eos.ifPresent(id -> items.addObject().putObject("SpecialToken").put("id", text(id)).put("type_id", type));
            }
        }
        ObjectNode specials = template.putObject("special_tokens");
        for (OptionalInt token : List.of(bos, eos)) {
            token.ifPresent(id -> {
                ObjectNode special = specials.putObject(text(id)).put("id", text(id));
                special.putArray("ids").add(id);
                special.putArray("tokens").add(text(id));
            });
        }
        return template;
    }

    private ObjectNode bpe() {
        ObjectNode bpe = step("BPE");
        bpe.putNull("dropout");
        bpe.put("unk_token", model.unknownPiece());
        bpe.putNull("continuing_subword_prefix");
        bpe.putNull("end_of_word_suffix");
        bpe.put("fuse_unk", true);
        bpe.put("byte_fallback", model.byteFallback());
        bpe.put("ignore_merges", hasSymbols());
        ObjectNode vocabulary = bpe.putObject("vocab");
        for (int id = 0; id < model.pieces().size(); id++) {
            vocabulary.put(text(id), id);
        }
        ArrayNode merges = bpe.putArray("merges");
        merges().forEach(merge -> merges.add(text(merge.left()) + " " + text(merge.right())));
        return bpe;
    }

    /** Two pieces that combine to a third, and the score of the third. */
    private record Merge(int left, int right, float score) { }

    /** Every way to combine two pieces to a third, highest score first; ways to the same piece in the order of the left part's id. */
    private List<Merge> merges() {
        Map<String, Integer> ids = new HashMap<>();
        for (int id = 0; id < model.pieces().size(); id++) {
            if (model.pieces().get(id).type() == Type.NORMAL) {
                ids.put(text(id), id);
            }
        }
        List<Merge> merges = new ArrayList<>();
        for (Piece piece : model.pieces()) {
            String text = piece.text();
            for (int cut = 1; piece.type() == Type.NORMAL && cut < text.length(); cut++) {
                Integer left = ids.get(text.substring(0, cut));
                Integer right = ids.get(text.substring(cut));
                if (left != null && right != null) {
                    merges.add(new Merge(left, right, piece.score()));
                }
            }
        }
        merges.sort(Comparator.comparingDouble((Merge merge) -> -merge.score()).thenComparingInt(merge -> merge.left()));
        return merges;
    }

    private String text(int id) {
        return model.pieces().get(id).text();
    }

    private static ObjectNode step(String type) {
        return JSON.objectNode().put("type", type);
    }

    private static ObjectNode replace(String from, String to) {
        ObjectNode replace = step("Replace");
        replace.putObject("pattern").put("String", from);
        return replace.put("content", to);
    }

    private static ObjectNode sequence(String name, List<ObjectNode> steps) {
        ObjectNode sequence = step("Sequence");
        sequence.putArray(name).addAll(steps);
        return sequence;
    }
}
