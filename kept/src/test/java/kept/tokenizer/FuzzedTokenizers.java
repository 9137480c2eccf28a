package kept.tokenizer;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.OptionalInt;
import java.util.Random;
import java.util.function.Consumer;

/**
 * A program that loads damaged tokenizers and encodes hard texts with those that load: a run of its own, for the native libraries may end it. The
 * last line it writes is how many it refused; before each, the number of the mutant is in the file it is given.
 */
final class FuzzedTokenizers {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final List<String> TEXTS = List.of("", " ", "The quick  brown fox.\n\n", "caf\u00e9 cafe\u0301 \ufb01 \uff21\u3000",
            "\u2581<sep> <s></s><unk>",
            "\0\1\ud83d\ude80\ud83d\udc69\u200d\ud83d\ude80 \ufdfa\u212b", "a".repeat(30_000), " ".repeat(30_000) + "x", "1".repeat(20_000),
            "\u2581".repeat(20_000) + "y", "aB1 ,".repeat(5_000));
    private static final byte[] TELLING = {0, 1, 2, 8, 10, 16, 18, 26, 0x7f, (byte) 0x80, (byte) 0xc3, (byte) 0xff};
    private static final List<String> FRAGMENTS = List.of("a", "\\s", "[^\\S]", "\\p{L}", ".", "(a|b)", "(?:a)", "[a-z]", "\\d", "x", "(?!\\S)",
            "(?=a)",
            "$", "^", "\\b", "\\z", "|", "|", "*", "+", "?", "{1,3}", "{2,}", "(", ")", "*?", "\\1", "(?i:", "[", "]", "\u2581", " ");

    private FuzzedTokenizers() {}

    /**
     * Runs it.
     *
     * @param arguments model, json or pattern; the seed; how many mutants; the file for their numbers
     */
    public static void main(String[] arguments) throws IOException {
        var random = new Random(Long.parseLong(arguments[1]));
        int count = Integer.parseInt(arguments[2]);
        Path number = Path.of(arguments[3]);
        Consumer<Random> mutant = switch (arguments[0]) {
            case "model" -> models();
            case "json" -> jsons();
            default -> patterns();
        };
        int refused = 0;
        for (int i = 0; i < count; i++) {
            Files.writeString(number, Integer.toString(i));
            try {
                mutant.accept(random);
            } catch (TokenizerException e) {
                if (!e.getMessage().startsWith("[") || e.getMessage().contains("\n")) {
                    throw e;
                }
                refused++;
            }
        }
        System.out.println(refused);
    }

    private static void use(Tokenizer loaded) {
        try (Tokenizer tokenizer = loaded) {
            for (String text : TEXTS) {
                int[] ids = tokenizer.encode(text);
                tokenizer.decode(Arrays.copyOf(ids, Math.min(ids.length, 2000)));
            }
            var random = new Random(3);
            tokenizer.decode(random.ints(300, 0, tokenizer.vocabularySize()).toArray());
        }
    }

    private static Consumer<Random> models() throws IOException {
        List<byte[]> sound = new ArrayList<>();
        for (String name : SentencePieceKinds.cases().keySet()) {
            sound.add(SentencePieceKinds.model(name));
        }
        return random -> {
            byte[] base = sound.get(random.nextInt(sound.size()));
            use(Tokenizer.ofSentencePiece(random.nextBoolean() ? edited(base, random) : rebuilt(base, random), "mutant"));
        };
    }

    /** A model with damage anywhere in its file. */
    private static byte[] edited(byte[] sound, Random random) {
        byte[] mutant = sound.clone();
        for (int edits = 1 + random.nextInt(3); edits > 0; edits--) {
            int place = random.nextInt(mutant.length);
            switch (random.nextInt(4)) {
                case 0 -> mutant[place] = (byte) random.nextInt(256);
                case 1 -> mutant[place] ^= (byte) (1 << random.nextInt(8));
                case 2 -> mutant[place] = TELLING[random.nextInt(TELLING.length)];
                default -> System.arraycopy(sound, random.nextInt(sound.length - 40), mutant, Math.min(place, sound.length - 40), random.nextInt(40));
            }
        }
        return mutant;
    }

    /** A well-formed file whose rules, settings and pieces are damaged. */
    private static byte[] rebuilt(byte[] sound, Random random) {
        var model = SentencePieceModel.parse(sound, "sound");
        byte[] rules = model.charsMap().bytes();
        for (int edits = random.nextInt(20); edits > 0 && rules.length > 0; edits--) {
            int place = random.nextInt(4) == 0 ? random.nextInt(2000) : random.nextInt(rules.length);
            rules[Math.min(place, rules.length - 1)] = random.nextBoolean() ? (byte) random.nextInt(256) : TELLING[random.nextInt(TELLING.length)];
        }
        if (random.nextInt(4) == 0 && rules.length > 0) {
            rules = Arrays.copyOf(rules, random.nextInt(rules.length));
        } else if (random.nextInt(8) == 0) {
            rules = new byte[4 * (1 + random.nextInt(2000))];
            random.nextBytes(rules);
            rules[0] = (byte) (rules.length - 8);
            rules[1] = (byte) (rules.length - 8 >> 8);
            rules[2] = 0;
            rules[3] = 0;
        }
        var bytes = new ByteArrayOutputStream();
        bytes.writeBytes(SentencePieceWriter.bytes(model));
        for (int more = random.nextInt(6); more > 0; more--) {
            String text = random.nextInt(5) == 0 ? "" : "a".repeat(1 + random.nextInt(random.nextInt(5) == 0 ? 100_000 : 90)) + random.nextInt(9);
            byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
            var piece = new ByteArrayOutputStream();
            field(piece, 1, utf8);
            piece.write(0x15);
            piece.writeBytes(new byte[] {0, 0, (byte) (random.nextBoolean() ? 0x80 : 0xc0), (byte) (random.nextBoolean() ? 0x7f : 0xbf)});
            piece.write(0x18);
            piece.write(random.nextInt(8));
            field(bytes, 1, piece.toByteArray());
        }
        var trainer = new ByteArrayOutputStream();
        if (random.nextInt(4) == 0) {
            trainer.writeBytes(new byte[] {0x18, (byte) random.nextInt(7)});
        }
        field(bytes, 2, trainer.toByteArray());
        var normalizer = new ByteArrayOutputStream();
        field(normalizer, 2, rules);
        for (int setting = 3; setting <= 5; setting++) {
            if (random.nextInt(3) == 0) {
                normalizer.writeBytes(new byte[] {(byte) (setting << 3), (byte) random.nextInt(2)});
            }
        }
        field(bytes, 3, normalizer.toByteArray());
        return bytes.toByteArray();
    }

    private static void field(ByteArrayOutputStream to, int number, byte[] value) {
        to.write(number << 3 | 2);
        int rest = value.length;
        while (rest > 0x7F) {
            to.write(rest & 0x7F | 0x80);
            rest >>>= 7;
        }
        to.write(rest);
        to.writeBytes(value);
    }

    private static Consumer<Random> jsons() throws IOException {
        List<JsonNode> sound = soundJsons();
        return random -> {
            JsonNode mutant = sound.get(random.nextInt(sound.size())).deepCopy();
            for (int edits = 1 + random.nextInt(2); edits > 0; edits--) {
                damage(mutant, sound, random);
            }
            use(JsonTokenizer.of(mutant, JSON.createObjectNode(), Path.of("mutant")));
        };
    }

    static List<JsonNode> soundJsons() throws IOException {
        List<JsonNode> sound = new ArrayList<>();
        for (String name : List.of("bpe-identity", "bpe-symbols-extra-spaces", "bpe-nmt-nfkc")) {
            var model = SentencePieceModel.parse(SentencePieceKinds.model(name), name);
            sound.add(new TokenizerJson(model).build(OptionalInt.empty(), OptionalInt.empty()));
        }
        try (InputStream others = Objects.requireNonNull(FuzzedTokenizers.class.getResourceAsStream("tokenizers.json"))) {
            JSON.readTree(others).forEach(sound::add);
        }
        return sound;
    }

    /** Replaces one value by another of the same file, of another file, or one that is hard. */
    private static void damage(JsonNode root, List<JsonNode> others, Random random) {
        JsonNode parent = root;
        while (true) {
            int size = parent.size();
            int chosen = random.nextInt(size);
            JsonNode child = parent.isArray() ? parent.get(chosen)
                    : parent.properties().stream().skip(chosen).map(Map.Entry::getValue).findFirst().orElseThrow();
            if (child.isContainerNode() && !child.isEmpty() && random.nextInt(6) > 0) {
                parent = child;
                continue;
            }
            JsonNode other = random.nextInt(3) > 0 ? hard(random) : any(others.get(random.nextInt(others.size())), random);
            if (parent instanceof ArrayNode array) {
                array.set(chosen, other);
            } else {
                String key = parent.properties().stream().skip(chosen).map(Map.Entry::getKey).findFirst().orElseThrow();
                if (random.nextInt(5) == 0) {
                    ((ObjectNode) parent).remove(key);
                } else {
                    ((ObjectNode) parent).set(key, other);
                }
            }
            return;
        }
    }

    private static JsonNode any(JsonNode root, Random random) {
        JsonNode node = root;
        while (node.isContainerNode() && !node.isEmpty() && random.nextInt(4) > 0) {
            int chosen = random.nextInt(node.size());
            node = node.isArray() ? node.get(chosen) : node.properties().stream().skip(chosen).map(Map.Entry::getValue).findFirst().orElseThrow();
        }
        return node.deepCopy();
    }

    private static JsonNode hard(Random random) {
        try {
            return switch (random.nextInt(12)) {
                case 0 -> JSON.getNodeFactory().numberNode(random.nextInt());
                case 1 -> JSON.getNodeFactory().numberNode(1L << random.nextInt(63));
                case 2 -> JSON.getNodeFactory().numberNode(random.nextInt(400));
                case 3 -> JSON.getNodeFactory().booleanNode(random.nextBoolean());
                case 4 -> JSON.nullNode();
                case 5 -> new TextNode("");
                case 6 -> new TextNode("a".repeat(1 << random.nextInt(17)));
                case 7 -> new TextNode(pattern(random));
                case 8 -> JSON.createObjectNode().put("Regex", pattern(random));
                case 9 -> JSON.readTree("{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"NFKD\"},{\"type\":\"Lowercase\"}]}");
                case 10 -> JSON.readTree("{\"type\":\"Strip\",\"content\":\" \",\"start\":3,\"stop\":" + random.nextInt(2) + "}");
                default -> JSON.readTree("{\"type\":\"Replace\",\"pattern\":{\"String\":\"a\"},\"content\":\"%s\"}"
                        .formatted("b".repeat(random.nextInt(80))));
            };
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    private static String pattern(Random random) {
        var pattern = new StringBuilder();
        for (int parts = 1 + random.nextInt(6); parts > 0; parts--) {
            pattern.append(FRAGMENTS.get(random.nextInt(FRAGMENTS.size())));
        }
        return pattern.toString();
    }

    private static Consumer<Random> patterns() throws IOException {
        JsonNode base = soundJsons().get(0);
        return random -> {
            ObjectNode mutant = base.deepCopy();
            ObjectNode split = mutant.putObject("pre_tokenizer").put("type", "Split");
            split.putObject("pattern").put("Regex", pattern(random));
            split.put("behavior", "Isolated").put("invert", random.nextBoolean());
            use(JsonTokenizer.of(mutant, JSON.createObjectNode(), Path.of("mutant")));
        };
    }
}
