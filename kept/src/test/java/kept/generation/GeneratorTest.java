package kept.generation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.IntStream;
import kept.Fixtures;
import kept.autograd.Autograd;
import kept.model.Architecture;
import kept.model.Decoder;
import kept.model.DecoderConfig;
import kept.model.KeyValueCache;
import kept.model.RandomWeights;
import kept.nn.RopeScaling;
import kept.tensor.DType;
import kept.tensor.Device;
import kept.tensor.Scope;
import kept.tensor.Shape;
import kept.tensor.ShapeException;
import kept.tensor.Tensor;
import kept.tokenizer.Tokenizer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class GeneratorTest {
    private static final SamplingOptions VARIED = new SamplingOptions(1.5, 0, 1, 0, 1.2);
    private Tokenizer tokenizer;

    @BeforeEach
    void load() {
        tokenizer = Tokenizer.load(Fixtures.path("tokenizer"));
    }

    @AfterEach
    void close() {
        tokenizer.close();
    }

    private Decoder model(Architecture architecture, DType dtype, RopeScaling scaling) {
        DecoderConfig config = DecoderConfig.builder(architecture).vocabSize(tokenizer.vocabularySize()).hiddenSize(48).intermediateSize(80).layers(2)
                .heads(4).keyValueHeads(architecture == Architecture.ORION ? 4 : 2).headDimension(12).maxPositions(96).dtype(dtype)
                .ropeScaling(scaling).initializerRange(0.3).build();
        return Decoder.create(config, new RandomWeights(config, 5), Device.cpu());
    }

    private static GenerationOptions options(int tokens, Set<Integer> ends) {
        return new GenerationOptions(VARIED, 7, tokens, List.of(), ends);
    }

    /** Prompts of many lengths, texts that end early and late, more of them than go side by side. */
    @ParameterizedTest
    @EnumSource(names = {"F32", "BF16", "F16"})
    void promptsSideBySideGiveTheTextsTheyGiveAlone(DType dtype) {
        List<int[]> prompts = IntStream.range(0, 11).mapToObj(i -> tokenizer.encode("Line " + i + " tells ".repeat(i % 5) + "of " + i * i)).toList();
        for (Architecture architecture : Architecture.values()) {
            try (Decoder model = model(architecture, dtype, new RopeScaling.None())) {
                assertSame(model, prompts, options(30, Set.copyOf(IntStream.range(100, 115).boxed().toList())));
            }
        }
    }

    @Test
    void promptsSideBySideHaveTheirOwnPositionsWhereTheScalingDependsOnThem() {
        List<int[]> prompts = IntStream.range(0, 3).mapToObj(i -> tokenizer.encode("Line" + " tells".repeat(6 * i))).toList();
        try (Decoder model = model(Architecture.LLAMA, DType.F32, new RopeScaling.DynamicNtk(2, 24))) {
            assertSame(model, prompts, options(20, Set.of()));
        }
    }

    private void assertSame(Decoder model, List<int[]> prompts, GenerationOptions options) {
        var generator = new Generator(model, tokenizer, options);
        var together = new TreeMap<Integer, Continuation>();
        generator.continueAll(prompts, together::put);
        List<Continuation> alone = prompts.stream().map(prompt -> generator.continueOne(prompt, _ -> { })).toList();
        assertThat(together.values()).containsExactlyElementsOf(alone);
        assertThat(alone).extracting(Continuation::text).doesNotHaveDuplicates().noneMatch(String::isEmpty);
    }

    @Test
    void textsEndByATokenAStopStringOrTheirLength() {
        try (Decoder model = model(Architecture.LLAMA, DType.F32, new RopeScaling.None())) {
            int[] prompt = tokenizer.encode("Line 7");
            Continuation whole = new Generator(model, tokenizer, options(40, Set.of())).continueOne(prompt, _ -> { });
            assertThat(whole.finish()).isEqualTo(Finish.LENGTH);
            assertThat(whole.tokens()).isEqualTo(40);
            String stop = whole.text().substring(10, 13);
            var shown = new ArrayList<String>();
            Continuation stopped = new Generator(model, tokenizer, new GenerationOptions(VARIED, 7, 40, List.of(stop), Set.of()))
                    .continueOne(prompt, shown::add);
            assertThat(stopped.finish()).isEqualTo(Finish.STOP);
            assertThat(stopped.text()).isEqualTo(whole.text().substring(0, whole.text().indexOf(stop))).isEqualTo(String.join("", shown));
            Continuation ended = new Generator(model, tokenizer, options(40, Set.copyOf(IntStream.range(0, 420).boxed().toList())))
                    .continueOne(prompt, _ -> { });
            assertThat(ended).isEqualTo(new Continuation("", 1, Finish.END));
        }
    }

    @Test
    void aPromptWithoutRoomIsRefusedBeforeAnythingIsGenerated() {
        try (Decoder model = model(Architecture.LLAMA, DType.F32, new RopeScaling.None())) {
            var generator = new Generator(model, tokenizer, options(5, Set.of()));
            var finished = new ArrayList<Integer>();
            assertThatThrownBy(() -> generator.continueAll(List.of(new int[] {5}, new int[96]), (prompt, _) -> finished.add(prompt)))
                    .isInstanceOf(ShapeException.class).hasMessageContaining("96 tokens").hasMessageContaining("96 positions");
            assertThat(finished).isEmpty();
        }
    }

    /** A conversation whose cache is kept answers as one that reads everything again each time. */
    @Test
    void aConversationReadsOnlyWhatIsNew() {
        var options = new GenerationOptions(SamplingOptions.GREEDY, 0, 6, List.of(), Set.of(2));
        try (Decoder model = model(Architecture.LLAMA, DType.F32, new RopeScaling.None());
                var conversation = new Conversation(model, tokenizer, options, ChatTemplate.orion(), Optional.empty())) {
            Continuation first = conversation.say("Hi", _ -> { });
            long after = conversation.cachedTokens();
            Continuation second = conversation.say("So", _ -> { });
            List<ChatMessage> turns = List.of(new ChatMessage(ChatMessage.USER, "Hi"), new ChatMessage(ChatMessage.ASSISTANT, first.text()),
                    new ChatMessage(ChatMessage.USER, "So"));
            int[] prompt = tokenizer.encodeWithSpecialTokens(ChatTemplate.orion().render(turns, tokenizer.specialTokens()));
            assertThat(second).isEqualTo(new Generator(model, tokenizer, options).continueOne(prompt, _ -> { }));
            assertThat(after).isGreaterThan(10);
            assertThat(conversation.cachedTokens()).isEqualTo(prompt.length + second.tokens() - 1L);
            conversation.restart();
            assertThat(conversation.say("Hi", _ -> { })).isEqualTo(first);
        }
    }

    /** Greedily and at random: the rows that pad the vocabulary are the most likely by far, and have no token. */
    @ParameterizedTest
    @ValueSource(doubles = {0, 1.5})
    void idsThatPadTheVocabularyAreNeverChosen(double temperature) {
        int tokens = tokenizer.vocabularySize();
        var options = new GenerationOptions(new SamplingOptions(temperature, 0, 1, 0, 1), 7, 20, List.of(), Set.of());
        try (Decoder small = model(Architecture.LLAMA, DType.F32, new RopeScaling.None()); Decoder padded = padded(small, tokens + 44)) {
            int[] prompt = tokenizer.encode("Line 1");
            Continuation text = new Generator(padded, tokenizer, options).continueOne(prompt, _ -> { });
            assertThat(text).isEqualTo(new Generator(small, tokenizer, options).continueOne(prompt, _ -> { }));
            assertThat(text.tokens()).isEqualTo(20);
            var end = new GenerationOptions(SamplingOptions.GREEDY, 7, 20, List.of(), Set.of(tokens + 42, tokens + 43));
            assertThat(new Generator(padded, tokenizer, end).continueOne(prompt, _ -> { }).finish())
                    .as("an end token may be one that another file of the tokenizer has").isEqualTo(Finish.END);
        }
    }

    /** The same weights with more rows of vocabulary; in the head, the first row a hundred times, with either sign. */
    private static Decoder padded(Decoder small, int vocabulary) {
        var weights = new RandomWeights(small.config(), 5);
        int tokens = small.config().vocabSize();
        return Decoder.create(small.config().toBuilder().vocabSize(vocabulary).build(), (name, shape) -> {
            if (shape.size(0) != vocabulary) {
                return weights.get(name, shape);
            }
            int width = (int) shape.size(1);
            float[] rows = Arrays.copyOf(weights.get(name, Shape.of(tokens, width)).toFloatArray(), vocabulary * width);
            for (int i = tokens * width; i < rows.length; i++) {
                rows[i] = i / width % 2 == 0 ? 100 * rows[i % width] : -100 * rows[i % width];
            }
            return Tensor.of(rows, vocabulary, width);
        }, Device.cpu());
    }

    /** Two bytes of a character's three: SentencePiece decodes them as U+FFFD each, and so does the end of a stream. */
    @Test
    void aCharacterThatIsNotFinishedIsShownAtTheEnd() {
        int byte0 = 3;
        var shown = new ArrayList<String>();
        var stream = new TextStream(tokenizer, tokenizer.encode("Hi"), List.of("never"), shown::add);
        for (int id : new int[] {byte0 + 'A', byte0 + 0xE3, byte0 + 0x81}) {
            assertThat(stream.accept(id)).isTrue();
        }
        assertThat(String.join("", shown)).isEqualTo("A");
        stream.finish();
        assertThat(String.join("", shown)).isEqualTo("A\uFFFD\uFFFD");
        assertThat(stream.text()).isEqualTo("A\uFFFD\uFFFD");
        stream.finish();
        assertThat(stream.text()).as("once").isEqualTo("A\uFFFD\uFFFD");
    }

    /** SentencePiece's space before a text is none of the answer, so that the answer read again has the tokens it was made of. */
    @Test
    void anAnswerAfterASpecialTokenBeginsWithoutSentencePiecesSpace() {
        int[] prompt = tokenizer.encodeWithSpecialTokens("<s>Human: Hi\n\nAssistant: </s>");
        int[] answer = tokenizer.encode("The quick brown fox");
        var shown = new ArrayList<String>();
        var stream = new TextStream(tokenizer, prompt, List.of(), shown::add);
        for (int id : answer) {
            stream.accept(id);
        }
        assertThat(String.join("", shown)).isEqualTo("The quick brown fox");
        var continued = new TextStream(tokenizer, tokenizer.encode("Hi"), List.of(), shown::add);
        for (int id : answer) {
            continued.accept(id);
        }
        assertThat(continued.text()).isEqualTo(" The quick brown fox");
    }

    @Test
    void aSystemTurnThatTheTemplateLeavesOutIsRefused() {
        try (Decoder model = model(Architecture.LLAMA, DType.F32, new RopeScaling.None());
                var conversation = new Conversation(model, tokenizer, options(3, Set.of()), ChatTemplate.orion(), Optional.of("Be kind."))) {
            assertThatThrownBy(() -> conversation.say("Hi", _ -> { })).isInstanceOf(ChatTemplateException.class)
                    .hasMessageContaining("orion").hasMessageContaining("--system");
        }
    }

    @Test
    void aTurnThatFailedIsNotPartOfTheConversation() {
        try (Decoder model = model(Architecture.LLAMA, DType.F32, new RopeScaling.None());
                var conversation = new Conversation(model, tokenizer, options(3, Set.of()), ChatTemplate.orion(), Optional.empty())) {
            Continuation answer = conversation.say("Hi", _ -> { });
            conversation.restart();
            assertThatThrownBy(() -> conversation.say("word ".repeat(100), _ -> { })).isInstanceOf(ShapeException.class);
            assertThat(conversation.say("Hi", _ -> { })).isEqualTo(answer);
        }
    }

    /** Half the memory, and logits that differ by what BF16 loses of keys and values; the prompts of a batch have the texts that they have alone. */
    @Test
    void aCacheInBf16TakesHalfTheMemoryAndChangesLogitsByItsRounding() {
        try (Decoder model = model(Architecture.LLAMA, DType.F32, new RopeScaling.None())) {
            int[] ids = IntStream.range(0, 40).map(i -> i * 7 % tokenizer.vocabularySize()).toArray();
            try (var _ = Scope.open()) {
                model.logits(Tensor.of(ids, 1, ids.length)); // for what the model keeps, such as angles
            }
            long[] bytes = new long[2];
            float[][] logits = new float[2][];
            for (int i = 0; i < 2; i++) {
                long before = model.device().backend().memoryUsage().inUse();
                try (var cache = new KeyValueCache(model.config(), 1, 64, model.device(), i == 0 ? null : DType.BF16); var _ = Scope.open()) {
                    try (var _ = Scope.open()) {
                        model.nextLogits(Tensor.of(ids, 1, ids.length), cache);
                    }
                    bytes[i] = model.device().backend().memoryUsage().inUse() - before;
                    logits[i] = Autograd.withoutRecording(() -> model.nextLogits(new int[] {9}, List.of(cache))).toFloatArray();
                }
            }
            assertThat(bytes[1]).isEqualTo(bytes[0] / 2);
            float largest = 0;
            float difference = 0;
            for (int i = 0; i < logits[0].length; i++) {
                largest = Math.max(largest, Math.abs(logits[0][i]));
                difference = Math.max(difference, Math.abs(logits[0][i] - logits[1][i]));
            }
            assertThat(difference).isPositive().isLessThan(largest * 0x1p-6f);
            assertSame(model, List.of(tokenizer.encode("Line 1 tells"), tokenizer.encode("of"), tokenizer.encode("Line 2")),
                    options(20, Set.of()).withCacheType(DType.BF16));
        }
    }
}
