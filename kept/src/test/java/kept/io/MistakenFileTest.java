package kept.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import kept.Fixtures;
import kept.checkpoint.Checkpoint;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;

/** Files that are not what their names say, as weights of both formats and as JSON. */
class MistakenFileTest {
    private static final String[][] KINDS = {
        {"version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 29", "is a pointer of Git LFS, not the file itself: run 'git lfs pull'"},
        {"<!DOCTYPE html><html class=\"\">", "is a web page (HTML)"},
        {"\n\n  <HTML><body>404</body>", "is a web page (HTML)"},
        {"\u00ef\u00bb\u00bf<!doctype HTML>", "is a web page (HTML)"},
        {"<?xml version=\"1.0\"?><Error><Code>AccessDenied", "is XML, such as a server's error"},
        {"<Error><Code>AccessDenied", "is a server's error in XML"},
        {"{\"error\":\"Repository not found\"}", "is a server's error in JSON"},
        {"{ \"error\" :\n \"Invalid credentials in Authorization header\" }", "is a server's error in JSON"},
        {"{\"message\": \"Not Found\"}", "is a server's answer in JSON"},
        {"{\"detail\":\"Not Found\"}", "is a server's answer in JSON"},
        {"Entry not found", "is a server's error ('Entry not found')"},
        {"Repository not found", "is the name right, and are you logged in?"},
        {"Access to model a/b is restricted and you are not in the authorized list", "accept the model's licence"},
        {"Invalid credentials in Authorization header", "log in (hf auth login)"},
        {"Invalid username or password.", "log in (hf auth login)"},
        {"404: Not Found", "is a server's error"},
        {"Not Found", "is a server's error"},
        {"\u001f\u008b\b", "is compressed with gzip"},
        {"BZh91AY&SY", "is compressed with bzip2"},
        {"\u00fd7zXZ\0", "is compressed with xz"},
        {"(\u00b5/\u00fd", "is compressed with zstd"},
        {"7z\u00bc\u00af'\u001c", "is a 7z archive"},
        {"Rar!\u001a", "is a RAR archive"},
        {"GGUF\u0003", "is a GGUF file of llama.cpp"},
        {"\u0089HDF\r\n", "is an HDF5 file"},
        {"\u0093NUMPY\u0001", "is a NumPy array"},
    };

    @TempDir
    private Path folder;

    @ParameterizedTest
    @FieldSource("KINDS")
    void isRecognisedByItsBeginning(String beginning, String kind) throws IOException {
        byte[] bytes = beginning.getBytes(StandardCharsets.ISO_8859_1);
        for (String name : new String[] {"model.safetensors", "pytorch_model.bin", "model.safetensors.index.json"}) {
            Path file = Files.write(folder.resolve(name), bytes);
            assertThatExceptionOfType(FileException.class).as(name).isThrownBy(() -> Checkpoint.open(folder).close())
                .withMessageContaining("] " + file + ": ").withMessageContaining(kind);
            Files.delete(file);
        }
    }

    @Test
    void anyOtherTextInPlaceOfWeightsIsShown() throws IOException {
        for (String text : new String[] {"{\"statusCode\": 404}", "hello", "Bad Gateway: upstream\nrequest timeout after a very long while"}) {
            for (String name : new String[] {"model.safetensors", "pytorch_model.bin"}) {
                Path file = Files.writeString(folder.resolve(name), text);
                assertThatExceptionOfType(FileException.class).as(name).isThrownBy(() -> Checkpoint.open(folder).close())
                    .withMessageContaining("] " + file + ": at byte 0: is text, not the file itself; it begins with \""
                        + text.substring(0, Math.min(40, text.length())).replace("\n", "\\n") + "\"; download it again");
                Files.delete(file);
            }
        }
    }

    @Test
    void emptyFilesZerosAndArchivesOfTape() throws IOException {
        assertThat(MistakenFile.kind(new byte[0], 0)).hasValueSatisfying(kind ->
            assertThat(kind).startsWith("is empty (0 bytes); download it again"));
        assertThat(MistakenFile.kind(new byte[100], 100)).hasValueSatisfying(kind -> assertThat(kind).startsWith("starts with zeros"));
        byte[] tar = new byte[600];
        Arrays.fill(tar, (byte) 'a');
        System.arraycopy("ustar".getBytes(StandardCharsets.US_ASCII), 0, tar, 257, 5);
        assertThat(MistakenFile.kind(tar, 600)).contains("is a tar archive: unpack it (tar -xf)");
        for (String sound : new String[] {"orion-safetensors/model.safetensors", "orion-torch-bin/pytorch_model-00001-of-00002.bin",
            "orion-safetensors/config.json", "tokenizer/tokenizer.model"}) {
            assertThat(MistakenFile.kind(Files.readAllBytes(Fixtures.path(sound)), 1)).as(sound).isEmpty();
        }
    }

    @Test
    void aStartOfZerosHasSixtyFour() {
        assertThat(MistakenFile.kind(new byte[64], 64)).isPresent();
        assertThat(MistakenFile.kind(new byte[63], 63)).isEmpty();
        byte[] later = new byte[200];
        later[64] = 1;
        assertThat(MistakenFile.kind(later, 200)).isPresent();
        byte[] within = new byte[200];
        within[63] = 1;
        assertThat(MistakenFile.kind(within, 200)).isEmpty();
        assertThat(MistakenFile.kind(MemorySegment.ofArray(" ~".getBytes(StandardCharsets.US_ASCII)))).hasValueSatisfying(kind ->
            assertThat(kind).startsWith("is text"));
        assertThat(MistakenFile.kind(MemorySegment.ofArray("a\u007f".getBytes(StandardCharsets.US_ASCII)))).isEmpty();
    }

    @Test
    void theHeaderOfSafetensorsFillsTheFileAtMost() {
        for (int length : new int[] {0, 1, 12, 13}) {
            byte[] bytes = new byte[20];
            bytes[0] = (byte) length;
            bytes[8] = '{';
            assertThat(MistakenFile.isSafetensors(MemorySegment.ofArray(bytes))).as("length %d", length).isEqualTo(length == 1 || length == 12);
        }
        assertThat(MistakenFile.isSafetensors(MemorySegment.ofArray(new byte[] {1, 0, 0, 0, 0, 0, 0, 0, '{'}))).isTrue();
        assertThat(MistakenFile.isSafetensors(MemorySegment.ofArray(new byte[] {1, 0, 0, 0, 0, 0, 0, 0}))).isFalse();
    }

    /** The length of a header may be the bytes that another format begins with. */
    @Test
    void aSoundFileIsWhatItsHeaderSaysWhateverItsLengthLooksLike() throws IOException {
        String header = "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}";
        int length = 0x088b1f;
        byte[] bytes = new byte[8 + length + 4];
        Arrays.fill(bytes, 8, 8 + length, (byte) ' ');
        System.arraycopy(header.getBytes(StandardCharsets.US_ASCII), 0, bytes, 8, header.length());
        bytes[0] = 0x1f;
        bytes[1] = (byte) 0x8b;
        bytes[2] = 8;
        Files.write(folder.resolve("model.safetensors"), bytes);
        try (var checkpoint = Checkpoint.open(folder)) {
            assertThat(checkpoint.names()).containsExactly("a");
        }
    }

    @Test
    void eachFormatNamesTheOther() throws IOException {
        Path safetensors = Files.copy(Fixtures.path("orion-torch-bin/pytorch_model-00001-of-00002.bin"), folder.resolve("model.safetensors"));
        assertThatExceptionOfType(FileException.class).isThrownBy(() -> Checkpoint.open(folder)).withMessageContaining(safetensors.toString())
            .withMessageContaining("is a zip archive; if it is one of PyTorch's files of weights, its name must end in .bin");
        Files.delete(safetensors);
        Files.copy(Fixtures.path("orion-safetensors/model.safetensors"), folder.resolve("pytorch_model.bin"));
        assertThatExceptionOfType(FileException.class).isThrownBy(() -> Checkpoint.open(folder))
            .withMessageContaining("is a safetensors file: its name must end in .safetensors");
    }
}
