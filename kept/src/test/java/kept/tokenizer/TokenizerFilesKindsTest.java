package kept.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import kept.tokenizer.SentencePieceModel.Piece;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** A tokenizer.json with SentencePiece's ids, or none: for models of all kinds. */
class TokenizerFilesKindsTest {
    private static final Set<String> WRITTEN = Set.of("bpe-identity", "bpe-plain-unk", "bpe-extra-spaces", "bpe-no-prefix",
            "bpe-no-prefix-extra-spaces", "bpe-symbols", "bpe-symbols-extra-spaces", "bpe-symbols-no-prefix", "bpe-control");

    @TempDir
    private Path source;

    @TempDir
    private Path target;

    static Collection<String> names() throws IOException {
        return SentencePieceKinds.cases().keySet();
    }

    @ParameterizedTest
    @MethodSource("names")
    void tokenizerJsonHasTheIdsOfSentencePieceOrIsNotWritten(String name) throws IOException {
        Files.write(source.resolve("tokenizer.model"), SentencePieceKinds.model(name));
        List<String> notes = TokenizerFiles.write(source, target, 4096, TokenizerFiles.Options.NONE);
        assertThat(target.resolve("tokenizer.model")).hasBinaryContent(SentencePieceKinds.model(name));
        JsonNode config = json(target.resolve("tokenizer_config.json"));
        if (!WRITTEN.contains(name)) {
            assertThat(notes).singleElement().asString().startsWith("tokenizer.json is not written: ")
                    .containsPattern("unigram|word|character|treat_whitespace_as_suffix|ids than SentencePiece on \\d+ of \\d+ texts, such as \"");
            assertThat(target.resolve("tokenizer.json")).doesNotExist();
            assertThat(config.path("tokenizer_class").asText()).isEqualTo("BertGenerationTokenizer");
            assertThat(target.resolve("spiece.model")).hasBinaryContent(SentencePieceKinds.model(name));
            return;
        }
        assertThat(notes).allMatch(note -> note.startsWith("tokenizer.json gives SentencePiece's ids, but decodes those of "));
        assertThat(notes.isEmpty()).as("decoding is told where it differs").isEqualTo(decodesAlike(name));
        assertThat(config.path("tokenizer_class").asText()).isEqualTo("PreTrainedTokenizerFast");
        assertThat(target.resolve("spiece.model")).doesNotExist();
        ObjectNode plain = (ObjectNode) json(target.resolve("tokenizer.json"));
        plain.putArray("added_tokens");     // the library reads special tokens as such; transformers, told to split them, does not
        try (Tokenizer tokenizer = JsonTokenizer.of(plain, config, target)) {
            for (TokenizerCase golden : SentencePieceKinds.cases().get(name)) {
                assertThat(tokenizer.encode(golden.text())).as(golden.toString()).containsExactly(golden.ids());
            }
        }
    }

    private boolean decodesAlike(String name) throws IOException {
        SentencePieceModel model = SentencePieceModel.parse(SentencePieceKinds.model(name), name);
        try (Tokenizer exact = SentencePieceTokenizer.load(source.resolve("tokenizer.model")); Tokenizer json = JsonTokenizer.load(
                target.resolve("tokenizer.json"))) {
            return ProbeTexts.of(model).stream().map(exact::encode).allMatch(ids -> exact.decode(ids).equals(json.decode(ids)));
        }
    }

    /** Half a surrogate pair is no text: it would be replaced, and would differ where no text does. */
    @Test
    void theTextsAreTexts() throws IOException {
        SentencePieceModel m = SentencePieceModel.parse(SentencePieceKinds.model("bpe-symbols"), "m");
        List<Piece> pieces = new ArrayList<>(m.pieces());
        pieces.add(new Piece("\ud83d\ude42", 0, SentencePieceModel.Type.USER_DEFINED));
        List<String> texts = ProbeTexts.of(new SentencePieceModel(pieces, m.algorithm(), m.byteFallback(), m.unknownSurface(), m.whitespaceAsSuffix(),
                m.bosPiece(), m.eosPiece(), m.unknownPiece(), m.charsMap(), m.dummyPrefix(), m.removeExtraSpaces(), m.escapesSpaces()));
        assertThat(texts).contains("a\ud83d\ude42b")
                .allMatch(text -> text.codePoints().noneMatch(point -> Character.getType(point) == Character.SURROGATE));
    }

    @Test
    void addedTokensThatAreNotSpecialAreTold() throws IOException {
        Files.write(source.resolve("tokenizer.model"), SentencePieceKinds.model("bpe-identity"));
        TokenizerFiles.write(source, target, 4096, TokenizerFiles.Options.NONE);
        ObjectNode json = (ObjectNode) json(target.resolve("tokenizer.json"));
        int next = json.path("model").path("vocab").size();
        json.withArray("added_tokens").addObject().put("id", next).put("content", "<think>").put("single_word", false).put("lstrip", false)
                .put("rstrip", false).put("normalized", false).put("special", false);
        Files.writeString(source.resolve("tokenizer.json"), json.toString());
        assertThat(TokenizerFiles.write(source, target, 4096, TokenizerFiles.Options.NONE)).last().asString()
                .isEqualTo("tokenizer.json of the source has 1 added token that is not special, which transformers finds in any "
                + "text and SentencePiece does not (the first: \"<think>\")");
    }

    @Test
    void theClassLlamaTokenizerIsRefusedWhereItWouldHaveOtherIds() throws IOException {
        Files.write(source.resolve("tokenizer.model"), SentencePieceKinds.model("unigram-identity"));
        assertThatThrownBy(() -> TokenizerFiles.write(source, target, 4096, new TokenizerFiles.Options(Optional.empty(), true)))
                .isInstanceOf(TokenizerException.class).hasMessageContainingAll("is a unigram model", "--llama-tokenizer");
    }

    /** The source's own file stays what it is; where it differs from the model beside it, that is told. */
    @Test
    void aTokenizerJsonOfTheSourceIsComparedWithItsModel() throws IOException {
        Files.write(source.resolve("tokenizer.model"), SentencePieceKinds.model("bpe-extra-spaces"));
        TokenizerFiles.write(source, target, 4096, TokenizerFiles.Options.NONE);
        Files.copy(target.resolve("tokenizer.json"), source.resolve("tokenizer.json"));
        assertThat(TokenizerFiles.write(source, target, 4096, TokenizerFiles.Options.NONE)).isEmpty();
        ObjectNode other = (ObjectNode) json(target.resolve("tokenizer.json"));
        other.putNull("normalizer");
        Files.writeString(source.resolve("tokenizer.json"), other.toString());
        assertThat(TokenizerFiles.write(source, target, 4096, TokenizerFiles.Options.NONE)).singleElement().asString()
                .startsWith("tokenizer.json of the source, which transformers reads, gives other ids than SentencePiece on ")
                .containsPattern(" on \\d{2,} of \\d{3,} texts, such as \"");
        assertThat(target.resolve("tokenizer.json")).hasContent(other.toString());
    }

    private static JsonNode json(Path file) throws IOException {
        return new ObjectMapper().readTree(file.toFile());
    }
}
