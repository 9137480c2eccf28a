package kept.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** Against the tokenizers library ({@code make_added_ids.py}). */
class AddedIdsTest {
    @Test
    void theDifferencesAreThoseOfTheLibrary() throws IOException {
        int equal = 0;
        try (InputStream golden = AddedIdsTest.class.getResourceAsStream("added-ids.json")) {
            for (JsonNode golds : new ObjectMapper().readTree(golden)) {
                JsonNode added = golds.at("/json/added_tokens");
                int different = 0;
                String first = "";
                for (int i = 0; i < added.size(); i++) {
                    int id = golds.at("/ids").get(i).asInt();
                    JsonNode token = added.get(i);
                    if (id != token.path("id").asInt() && different++ == 0) {
                        first = " is %d there and %d in transformers)".formatted(token.path("id").asInt(), id);
                    }
                }
                Optional<String> told = AddedIds.differences(golds.path("json"));
                if (different == 0) {
                    equal++;
                    assertThat(told).as("%s", added).isEmpty();
                } else {
                    assertThat(told).as("%s", added).get().asString().endsWith(first).contains("gives to " + different + " added token");
                }
            }
        }
        assertThat(equal).isBetween(1, 39);
    }
}
