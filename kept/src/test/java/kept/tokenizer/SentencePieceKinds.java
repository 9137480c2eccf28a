package kept.tokenizer;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.zip.GZIPInputStream;

/** Models of all kinds that SentencePiece trains, with the ids and texts it gives for each; see {@code make_kinds.py}. */
final class SentencePieceKinds {
    private SentencePieceKinds() {}

    /** The cases of each model, by its name. */
    static Map<String, List<TokenizerCase>> cases() throws IOException {
        try (InputStream json = resource("cases.json.gz")) {
            return new ObjectMapper().readValue(json, new TypeReference<>() { });
        }
    }

    static byte[] model(String name) throws IOException {
        try (InputStream model = resource(name + ".model.gz")) {
            return model.readAllBytes();
        }
    }

    private static InputStream resource(String name) throws IOException {
        return new GZIPInputStream(Objects.requireNonNull(SentencePieceKinds.class.getResourceAsStream("kinds/" + name), name));
    }
}
