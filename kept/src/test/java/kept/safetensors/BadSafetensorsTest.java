package kept.safetensors;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import kept.io.FileException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class BadSafetensorsTest {
    private static final String SOUND = "{\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}";

    @TempDir
    private Path folder;

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', maxCharsPerColumn = 1000, value = {
        // a header, the bytes of data after it, and what is said of it
        "{'w':{'dtype':'F31','shape':[1],'data_offsets':[0,4]}}            | 4 | tensor 'w' at byte 22: unknown dtype 'F31'",
        "{'w':{'dtype':32,'shape':[1],'data_offsets':[0,4]}}               | 4 | tensor 'w' at byte 22: dtype must be a string",
        "{'w':{'shape':[1],'data_offsets':[0,4]}}                          | 4 | tensor 'w' at byte 9: has no dtype",
        "{'w':{'dtype':'F32','data_offsets':[0,4]}}                        | 4 | tensor 'w' at byte 9: has no shape",
        "{'w':{'dtype':'F32','shape':[1]}}                                 | 4 | tensor 'w' at byte 9: has no data_offsets",
        "{'w':{'dtype':'F32','dtype':'F32','shape':[1],'data_offsets':[0,4]}} | 4 | tensor 'w' at byte 28: dtype occurs twice",
        "{'w':{'dtype':'F32','shape':[1],'data_offsets':[0,4],'scale':2}}  | 4 | tensor 'w' at byte 61: unexpected key 'scale'",
        "{'w':[0,4]}                                                       | 4 | tensor 'w' at byte 9: must be an object with dtype, shape "
            + "and data_offsets",
        "{'w':{'dtype':'F32','shape':1,'data_offsets':[0,4]}}              | 4 | tensor 'w' at byte 36: shape must be an array of integers",
        "{'w':{'dtype':'F32','shape':[1.0],'data_offsets':[0,4]}}          | 4 | tensor 'w' at byte 37: shape must contain integers from 0 to "
            + "2^63 - 1, not 1.0",
        "{'w':{'dtype':'F32','shape':[-1],'data_offsets':[0,4]}}           | 4 | tensor 'w' at byte 37: shape must contain integers from 0 to "
            + "2^63 - 1, not -1",
        "{'w':{'dtype':'F32','shape':[1],'data_offsets':[0,9223372036854775808]}} | 4 | tensor 'w' at byte 58: data_offsets must contain integers "
            + "from 0 to 2^63 - 1, not 9223372036854775808",
        "{'w':{'dtype':'F32','shape':[1],'data_offsets':[0,4,8]}}          | 4 | tensor 'w' at byte 9: data_offsets must be [start, end] "
            + "with start <= end, not [0, 4, 8]",
        "{'w':{'dtype':'F32','shape':[1],'data_offsets':[4,0]}}            | 4 | tensor 'w' at byte 9: data_offsets must be [start, end] "
            + "with start <= end, not [4, 0]",
        "{'w':{'dtype':'F32','shape':[2],'data_offsets':[0,4]}}            | 4 | tensor 'w' at byte 9: [2] x F32 needs 8 bytes, but data_offsets "
            + "[0, 4] span 4",
        "{'w':{'dtype':'F4','shape':[3],'data_offsets':[0,2]}}             | 2 | tensor 'w' at byte 9: [3] x F4 is not a whole number of bytes",
        "{'w':{'dtype':'F32','shape':[4611686018427387904,4],'data_offsets':[0,4]}} | 4 | tensor 'w' at byte 9: the size overflows 64 bits: "
            + "[4611686018427387904, 4] x F32 at data_offsets [0, 4]",
        "{'w':{'dtype':'F64','shape':[1152921504606846976],'data_offsets':[0,4]}} | 4 | tensor 'w' at byte 9: the size overflows 64 bits: "
            + "[1152921504606846976] x F64 at data_offsets [0, 4]",
        "{'w':{'dtype':'U8','shape':[0],'data_offsets':[9223372036854775807,9223372036854775807]}} | 4 | tensor 'w' at byte 9: the size overflows 64 "
            + "bits: [0] x U8 at data_offsets [9223372036854775807, 9223372036854775807]",
        "{'v':{'dtype':'F32','shape':[2],'data_offsets':[0,8]},'w':{'dtype':'F32','shape':[2],'data_offsets':[4,12]}} | 12 | tensor 'w' at byte 120: "
            + "overlaps tensor 'v', which ends at byte 124",
        "{'v':{'dtype':'F32','shape':[1],'data_offsets':[0,4]},'w':{'dtype':'F32','shape':[1],'data_offsets':[8,12]}} | 12 | tensor 'w' at byte 124: "
            + "leaves a gap of 4 bytes after tensor 'v'",
        "{'w':{'dtype':'F32','shape':[1],'data_offsets':[4,8]}}            | 8 | tensor 'w' at byte 66: leaves a gap of 4 bytes after the header",
        "{'w':{'dtype':'F32','shape':[1],'data_offsets':[0,4]}}            | 3 | tensor 'w' at byte 62: its 4 bytes go past the end of the file, "
            + "which has 65 bytes: is it truncated?",
        "{'w':{'dtype':'F32','shape':[1],'data_offsets':[0,4]}}            | 6 | at byte 66: the file goes on after the last tensor (bytes left: 2)",
        "{}                                                                | 1 | at byte 10: the file goes on after the last tensor (bytes left: 1)",
        "{'w':{'dtype':'F32','shape':[1],'data_offsets':[0,4]},'w':{'dtype':'F32','shape':[1],'data_offsets':[4,8]}} | 8 | tensor 'w' at byte 62: "
            + "the name occurs twice in the header",
        "{'__metadata__':'pt'}                                             | 0 | at byte 24: __metadata__ must be an object of strings",
        "{'__metadata__':{'format':1}}                                     | 0 | at byte 34: __metadata__.format must be a string",
        "{'__metadata__':{'a':'b','a':'c'}}                                | 0 | at byte 37: __metadata__.a occurs twice",
        "{'__metadata__':{},'__metadata__':{}}                             | 0 | at byte 27: __metadata__ occurs twice",
        "{'w':{'dtype':'F32','shape':[1],'data_offsets':[0,4]}} {}         | 4 | at byte 63: the header goes on after its closing '}'",
        "[1]                                                               | 0 | at byte 8: the header does not start with '{'",
        "{                                                                 | 0 | at byte 8: the header does not start with '{'",
    })
    void namesTheTensorAndThePlace(String header, int dataBytes, String problem) {
        refused(SafetensorsBytes.of(header.replace('\'', '"'), dataBytes), problem);
    }

    @Test
    void refusesWhatIsNoHeader() {
        byte[] sound = SOUND.getBytes(StandardCharsets.UTF_8);
        refused(new byte[0], "at byte 0: is empty (0 bytes); download it again, for example with: hf download OWNER/NAME");
        refused(new byte[7], "at byte 0: the file has 7 bytes, too few for the 8 bytes of a header length");
        refused(SafetensorsBytes.of(100_000_001, sound, 4),
            "at byte 0: header length 100000001 is above the format's limit of 100000000 bytes: is this a safetensors file?");
        refused(SafetensorsBytes.of(-1, sound, 4),
            "at byte 0: header length 18446744073709551615 is above the format's limit of 100000000 bytes: is this a safetensors file?");
        refused(SafetensorsBytes.of(60, sound, 4), "at byte 0: header length 60 goes past the end of the file, which has 66 bytes: is it truncated?");
        refused(SafetensorsBytes.of(0, sound, 4), "at byte 8: the header does not start with '{'");
    }

    @Test
    void refusesAHeaderThatIsNotUtf8Json() {
        refused(SafetensorsBytes.of(6, new byte[] {'{', '"', (byte) 0xc3, '"', ':', '}'}, 0), "at byte 8: the header is not valid UTF-8");
        refused(SafetensorsBytes.of(SOUND.length(), SOUND.getBytes(StandardCharsets.UTF_16LE), 4), "at byte 9: the header is not JSON: a zero byte");
        refusedAsJson("{\"w\"}");
        refusedAsJson("{\"w\":{\"dtype\":");
        refusedAsJson("{\"w\":{\"dtype\":\"F32\",}}");
        refusedAsJson("{\"w\":NaN}");
        refused(SafetensorsBytes.of("{\"w\":{\"dtype\":\"F32\",\"shape\":[" + "1".repeat(2000) + "],\"data_offsets\":[0,4]}}", 4),
            "at byte 8: the header is not valid JSON: it has a number of more than 1,000 characters");
        refusedAsJson("{\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}} \0");
    }

    @Test
    void showsNamesOnOneLineAndNotAtFullLength() {
        refused(SafetensorsBytes.of("{\"a\\nb\\u2028c\":1}", 0),
            "tensor 'a\\u000ab\\u2028c' at byte 9: must be an object with dtype, shape and data_offsets");
        refused(SafetensorsBytes.of("{\"" + "w".repeat(100_000) + "\":1}", 0),
            "tensor '" + "w".repeat(200) + "...' at byte 9: must be an object with dtype, shape and data_offsets");
    }

    @Test
    void carriesFileTensorAndOffset() {
        Path file = SafetensorsBytes.write(folder.resolve("bad"), SafetensorsBytes.of(SOUND, 3));
        FileException e = catchThrowableOfType(FileException.class, () -> SafetensorsFile.open(file));
        assertThat(e.file()).isEqualTo(file);
        assertThat(e.tensor()).isEqualTo("w");
        assertThat(e.offset()).isEqualTo(62);
    }

    @Test
    void saysWhyAFileCannotBeOpened() {
        Path missing = folder.resolve("missing.safetensors");
        assertThatExceptionOfType(FileException.class).isThrownBy(() -> SafetensorsFile.open(missing))
            .withMessage("[safetensors] " + missing + ": cannot be opened: no such file or directory");
    }

    @Test
    void acceptsASoundHeaderWithTrailingSpaces() {
        Path file = SafetensorsBytes.write(folder.resolve("sound"), SafetensorsBytes.of(SOUND + "   ", 4));
        try (SafetensorsFile opened = SafetensorsFile.open(file)) {
            assertThat(opened.data("w").asByteBuffer()).isEqualTo(ByteBuffer.allocate(4));
        }
    }

    private void refused(byte[] content, String problem) {
        Path file = SafetensorsBytes.write(folder.resolve("bad.safetensors"), content);
        assertThatExceptionOfType(FileException.class).isThrownBy(() -> SafetensorsFile.open(file))
            .withMessage("[safetensors] " + file + ": " + problem);
    }

    private void refusedAsJson(String header) {
        Path file = SafetensorsBytes.write(folder.resolve("bad.safetensors"), SafetensorsBytes.of(header, 4));
        assertThatExceptionOfType(FileException.class).isThrownBy(() -> SafetensorsFile.open(file))
            .withMessageMatching("\\[safetensors] .*bad\\.safetensors: at byte \\d+: the header is not valid JSON: .+");
    }
}
