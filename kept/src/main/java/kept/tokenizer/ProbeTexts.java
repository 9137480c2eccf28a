package kept.tokenizer;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import kept.tokenizer.SentencePieceModel.Piece;
import kept.tokenizer.SentencePieceModel.Type;

/**
 * Texts that expose differences between tokenizers: all kinds of white space, characters that are normalised or combined, texts of special tokens,
 * long runs, and every piece of the vocabulary.
 */
final class ProbeTexts {
    private static final List<String> OF_ANY_VOCABULARY = List.of(
            "", " ", "  ", "\t", "\n", "a", " a", "a ", "  a  ", "a  b   c", "\ta\tb\t", "a\nb\n\nc", "\n \n", "a\r\nb\r\n", " \u00a0 a\u00a0b",
            "\u3000a\u2003b", "\u2581", "\u2581a \u2581", "a\u2581b", "a \u2581 b", "\u2581\u2581\u2581",
            "zero\u200bwidth\u200d\ufeff\u2060 joiner", "\uff21\uff42\uff43\u3000\uff11\uff12\uff13\uff01", "\ufb01nal \ufb03 \ufb00",
            "cafe\u0301 e\u0301\u0323 \u0301", "\u00c5 \u212b A\u030a", "\uff41\u0301 \ufb01\u0301", "\u304b\u3099 \uff76\uff9e",
            "\ud55c\uad6d\uc5b4 \u1112\u1161\u11ab", "\u6771\u4eac\u90fd", "\u05e9\u05dc\u05d5\u05dd", "\u0645\u0631\u062d\u0628\u0627 \ufdfa",
            "\ud83d\udc69\u200d\ud83d\ude80 \ud83d\udc4d\ud83c\udffd \ud83c\udde9\ud83c\uddea", "\ud835\udd18 \ud800\udf48", "\0a\0",
            "\1\2\u007f\u001b[0m", "a\u00adb", "1234567890 12,345.67", "\u00bd \u00b2 \u2121 \u338f \u2460", "\u2026\u2014\u201c\u201d\u2019",
            "\u00c4\u00d6\u00dc\u00df \u1e9e \u0130\u0131 \u03a9\u03a3\u03c2", "The quick brown fox.", "x".repeat(3000), " ".repeat(3000) + "x",
            "the ".repeat(2000), "\u2581".repeat(100) + "a" + "\u2581".repeat(100), "\udbff\udfff\ue000\ufffd");
    private static final int PIECES_TOGETHER = 32;
    private static final int RANDOM_TEXTS = 200;
    private static final int RULES = 4000;

    private final SentencePieceModel model;
    private final Set<String> texts = new LinkedHashSet<>(OF_ANY_VOCABULARY);

    private ProbeTexts(SentencePieceModel model) {
        this.model = model;
    }

    /**
     * Returns the texts for a vocabulary.
     *
     * @param model the vocabulary
     * @return its texts, the same on every call
     */
    static List<String> of(SentencePieceModel model) {
        var hard = new ProbeTexts(model);
        hard.addSymbols();
        hard.addPieces();
        hard.addRules();
        hard.addRandom();
        return List.copyOf(hard.texts);
    }

    private List<String> symbols() {
        return model.pieces().stream().filter(piece -> piece.type() == Type.USER_DEFINED).limit(100)
                .map(piece -> piece.text().replace(SentencePieceModel.SPACE, ' ')).toList();
    }

    /** Pieces that are not plain text: alone, inside words, beside spaces and beside each other. */
    private void addSymbols() {
        List<String> special = model.pieces().stream().filter(piece -> piece.type() != Type.NORMAL && piece.type() != Type.BYTE).map(Piece::text)
                .limit(100).toList();
        List<String> symbols = new ArrayList<>(special);
        symbols.addAll(symbols());
        symbols.add("<0x41>");
        for (String text : symbols) {
            texts.addAll(List.of(text, text + "a", "a" + text + "b", " " + text + " ", "a " + text + " b", text + text + " " + text,
                    text.substring(0, text.offsetByCodePoints(text.length(), -1)), text + "  b"));
            symbols().stream().limit(10).forEach(symbol -> texts.add(symbol + text + symbol));
        }
    }

    /** Every piece: many together, and, if symbols split texts, each between two of them. */
    private void addPieces() {
        List<String> pieces = model.pieces().stream().filter(piece -> piece.type() != Type.CONTROL && piece.type() != Type.UNKNOWN)
                .map(piece -> piece.text().replace(SentencePieceModel.SPACE, ' ')).toList();
        for (int from = 0; from < pieces.size(); from += PIECES_TOGETHER) {
            List<String> some = pieces.subList(from, Math.min(pieces.size(), from + PIECES_TOGETHER));
            texts.add(String.join("", some));
            texts.add(String.join("\n", some));
        }
        Optional<String> symbol = symbols().stream().findFirst();
        for (String piece : symbol.isPresent() ? pieces : List.<String>of()) {
            texts.add(piece);
            texts.add(symbol.get() + piece + symbol.get());
        }
    }

    /** Texts the normalisation rules replace, alone and before a combining character. */
    private void addRules() {
        List<String> replaced = model.charsMap().replaced(RULES);
        for (String text : replaced) {
            texts.add("a" + text + "b");
            texts.add(text + "\u0301");
        }
    }

    private void addRandom() {
        var random = new Random(7);
        int[] letters = "  aabcdefghilnorst\n\t.,(){}=+\u00e9\uff21\ufb01\u0301\u2603\ud83d\ude80\u730e\u2581".codePoints().toArray();
        List<String> symbols = new ArrayList<>(symbols());
        symbols.addAll(List.of("", " ", "  "));
        for (int i = 0; i < RANDOM_TEXTS; i++) {
            int[] points = random.ints(1 + random.nextInt(40), 0, letters.length).map(at -> letters[at]).toArray();
            int cut = random.nextInt(points.length + 1);
            texts.add(new String(points, 0, cut) + symbols.get(random.nextInt(symbols.size())) + new String(points, cut, points.length - cut));
        }
    }

    /**
     * The differences between two tokenizers.
     *
     * @param tried number of texts encoded
     * @param different number of texts with different ids
     * @param example the first of these; empty if there is none
     */
    record Comparison(int tried, int different, String example) {
        static Comparison of(List<String> texts, Tokenizer one, Tokenizer other) {
            List<String> different = texts.stream().filter(text -> !Arrays.equals(one.encode(text), other.encode(text))).toList();
            return new Comparison(texts.size(), different.size(), different.isEmpty() ? "" : different.getFirst());
        }

        /** Compares the decoding of the first tokenizer's ids. */
        static Comparison ofDecoding(List<String> texts, Tokenizer one, Tokenizer other) {
            List<String> different = texts.stream().filter(text -> {
                int[] ids = one.encode(text);
                return !one.decode(ids).equals(other.decode(ids));
            }).toList();
            return new Comparison(texts.size(), different.size(), different.isEmpty() ? "" : different.getFirst());
        }

        /** Describes the differences, if there are any. */
        String inWords() {
            return "other ids than SentencePiece on %d of %d texts, such as \"%s\"".formatted(different, tried, shown());
        }

        /** The first text that differs, on one line. */
        String shown() {
            StringBuilder shown = new StringBuilder();
            example.codePoints().limit(40).forEach(c -> {
                if (c < ' ' || c > '~' || c == '\\') {
                    shown.append("\\u{%x}".formatted(c));
                } else {
                    shown.appendCodePoint(c);
                }
            });
            return shown.toString();
        }
    }
}
