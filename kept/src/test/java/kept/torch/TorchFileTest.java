package kept.torch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.net.URISyntaxException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import kept.checkpoint.Checkpoint;
import kept.io.FileException;
import kept.safetensors.SafetensorsBytes;
import kept.safetensors.SafetensorsFile;
import kept.tensor.Shape;
import kept.weights.TensorEntry;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Files that PyTorch wrote (by {@code make.py} among the test resources), and others that only look like them. */
class TorchFileTest {
    private static final Set<String> VERBATIM = Set.of("whole", "part", "scalar", "row");

    @TempDir
    private Path folder;

    @ParameterizedTest
    @ValueSource(strings = {"types.bin", "types-protocol-4.bin"})
    void everyTensorHasTheBytesThatSafetensorsHas(String name) {
        try (var torch = TorchFile.open(resource(name)); var expected = SafetensorsFile.open(resource("types.safetensors"))) {
            assertThat(torch.entries()).extracting(TensorEntry::name)
                .containsExactlyInAnyOrderElementsOf(expected.entries().stream().map(TensorEntry::name).toList());
            for (TensorEntry entry : expected.entries()) {
                TensorEntry read = torch.entry(entry.name());
                assertThat(read.type()).as(entry.name()).isEqualTo(entry.type());
                assertThat(read.shape()).as(entry.name()).isEqualTo(entry.shape());
                assertThat(torch.data(entry.name()).mismatch(expected.data(entry.name()))).as(entry.name()).isEqualTo(-1);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"views.bin", "views-legacy.bin"})
    void viewsDoublesAndSharedStoragesHaveTheValuesThatPyTorchGives(String name) throws IOException {
        Files.copy(resource(name), folder.resolve("pytorch_model.bin"));
        try (var torch = Checkpoint.open(folder); var expected = SafetensorsFile.open(resource("views.safetensors"))) {
            assertThat(torch.names()).hasSize(14).doesNotContain("none");
            for (String tensor : torch.names()) {
                TensorEntry entry = torch.entry(tensor);
                assertThat(entry.dtype()).as(tensor).isEqualTo(expected.entry(tensor).dtype());
                assertThat(entry.shape()).as(tensor).isEqualTo(expected.entry(tensor).shape());
                assertThat(torch.data(tensor).mismatch(expected.data(tensor))).as(tensor).isEqualTo(-1);
                assertThat(entry.isVerbatim()).as(tensor).isEqualTo(VERBATIM.contains(tensor));
            }
            assertThat(torch.notes()).containsExactlyInAnyOrder("1 tensor without elements is ignored (the first: none)",
                "2 tensors are stored in F64 and rounded to F32 (the first: doubles)");
        }
    }

    @Test
    void aParameterWithAttributesIsItsTensor() {
        try (var torch = TorchFile.open(resource("parameter-state.bin"))) {
            assertThat(torch.entry("weight").shape()).isEqualTo(Shape.of(4));
        }
    }

    @Test
    void aDoubleBeyondTheRangeOfFloatIsRefused() throws IOException {
        Files.copy(resource("beyond.bin"), folder.resolve("pytorch_model.bin"));
        try (var torch = Checkpoint.open(folder)) {
            assertThatExceptionOfType(FileException.class).isThrownBy(() -> torch.data("weight"))
                .withMessageContaining("tensor 'weight'").withMessageContaining("contains 1.0E300 in F64, which is out of range of F32");
        }
    }

    @Test
    void aFileOfTheOldFormatIsReadToItsEnd() throws IOException {
        byte[] whole = Files.readAllBytes(resource("views-legacy.bin"));
        for (int length = 1; length < whole.length; length += 29) {
            Path cut = write("cut.bin", Arrays.copyOf(whole, length));
            assertThatExceptionOfType(FileException.class).isThrownBy(() -> TorchFile.open(cut).close());
        }
        refused(write("cut.bin", Arrays.copyOf(whole, whole.length - 1)), "is it truncated?");
        refused(write("long.bin", Arrays.copyOf(whole, whole.length + 3)), "the file goes on after the last storage (bytes left: 3)");
    }

    @Test
    void aFileOfTheOldFormatIsOfItsVersionAndLittleEndian() throws IOException {
        String whole = new String(Files.readAllBytes(resource("views-legacy.bin")), StandardCharsets.ISO_8859_1);
        String version = whole.replaceFirst("M\u00e9\u0003\\.", "M\u00ea\u0003.");
        refused(write("version.bin", version.getBytes(StandardCharsets.ISO_8859_1)), "the protocol version is the number 1002, not 1001");
        String order = whole.replaceFirst("little_endianq\u0002\u0088", "little_endianq\u0002\u0089");
        refused(write("order.bin", order.getBytes(StandardCharsets.ISO_8859_1)), "the 'little_endian' is");
        String unsaid = whole.replaceFirst("little_endianq", "little_indianq");
        refused(write("unsaid.bin", unsaid.getBytes(StandardCharsets.ISO_8859_1)), "the 'little_endian' is missing, not true");
    }

    @Test
    void whatIsReadEndsWithTheFile() {
        var torch = TorchFile.open(resource("types.bin"));
        TensorEntry first = torch.entries().getFirst();
        assertThat(torch.contains(first.name())).isTrue();
        assertThat(torch.contains("no such tensor")).isFalse();
        var data = torch.data(first.name());
        torch.close();
        torch.close();
        assertThatThrownBy(() -> data.get(ValueLayout.JAVA_BYTE, 0)).isInstanceOf(IllegalStateException.class);
    }

    @Test
    void aModelsStateDictionaryIsReadWithItsAttributesPassedOver() {
        try (var torch = TorchFile.open(resource("state-dict.bin"))) {
            assertThat(torch.entries()).extracting(TensorEntry::name).containsExactlyInAnyOrder("0.weight", "0.bias", "1.weight", "1.bias");
            assertThat(torch.entry("0.weight").shape()).isEqualTo(Shape.of(2, 3));
        }
    }

    @Test
    void archivesWithFieldsOf64BitsAreRead() {
        try (var torch = TorchFile.open(resource("zip64.bin"))) {
            assertThat(torch.entry("weight").shape()).isEqualTo(Shape.of(2));
        }
        for (boolean wide : new boolean[] {false, true}) {
            Path file = write("wide-" + wide + ".bin", ZipBytes.of(archive(pickleOfOneTensor(2, 2)), wide));
            try (var torch = TorchFile.open(file)) {
                assertThat(torch.data("w").toArray(ValueLayout.JAVA_BYTE)).isEqualTo(new byte[] {1, 2, 3, 4, 5, 6, 7, 8});
            }
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '"', value = {
        "attack.bin       | the file uses 'posix.system'; only tensors are read",
        "module.bin       | the file uses 'torch.nn.modules.linear.Linear'; only tensors are read",
        "expanded.bin     | is a view that repeats elements (expand); save the file again with tensors made .contiguous()",
        "quantised.bin    | which are not supported; use the unquantised checkpoint",
        "float8.bin       | which are not supported; use the unquantised checkpoint",
        "module-legacy.bin | the file uses 'torch.nn.modules.linear.Linear'; only tensors are read",
        "training.bin     | the tensors are in the nested dictionary \"model\": save it alone, with torch.save(torch.load(FILE)[\"model\"]",
        "list.bin         | the file contains a list of 1, not a dictionary of tensors",
        "compressed.bin   | data.pkl' is compressed; PyTorch stores entries uncompressed",
        "big-endian.bin   | has byte order 'big'; only 'little' is supported",
        "make.py          | is text, not the file itself",
    })
    void whatIsNotAFileOfTensorsIsRefusedInALine(String name, String problem) {
        refused(resource(name), problem);
        assertThat(Path.of("executed")).doesNotExist();
    }

    @Test
    void bytesOfNoKnownKindAreRefused() {
        refused(write("a.bin", new byte[] {1, 2, 3, 4, 5, 6, 7, 8}), "at byte 0: is neither a zip archive, as PyTorch writes, nor in the format");
        refused(write("b.bin", new byte[] {(byte) 0x80, 4, '}', '.'}), "at byte 0: is a pickle, but not one of torch.save");
    }

    @Test
    void aTensorBeyondItsStorageIsRefused() {
        refused(write("a.bin", ZipBytes.of(archive(pickleOfOneTensor(3, 3)), false)), "its storage '0' of 3 F32 has only 8 bytes");
        refused(write("b.bin", ZipBytes.of(archive(pickleOfOneTensor(3, 2)), false)), "its elements [3] from 0 on exceed its storage of 2");
        Map<String, byte[]> entries = archive(pickleOfOneTensor(2, 2));
        entries.remove("x/data/0");
        refused(write("c.bin", ZipBytes.of(entries, false)), "tensor 'w' at byte", "its storage '0' is not in the archive");
    }

    @Test
    void bytesBehindTheArchiveAreNotATruncatedFile() throws IOException {
        byte[] whole = Files.readAllBytes(resource("types.bin"));
        byte[] wide = ZipBytes.of(archive(pickleOfOneTensor(2, 2)), true);
        for (int more : new int[] {1, 2, 22, 1000, 100_000}) {
            refused(write("more.bin", Arrays.copyOf(whole, whole.length + more)),
                "at byte " + whole.length + ": the file goes on after the end of its zip archive (bytes left: " + more + "): was something");
            refused(write("more.bin", Arrays.copyOf(wide, wide.length + more)),
                "at byte " + wide.length + ": the file goes on after the end of its zip archive (bytes left: " + more + ")");
        }
    }

    @Test
    void aTruncatedFileIsRefused() throws IOException {
        byte[] whole = Files.readAllBytes(resource("types.bin"));
        for (int length = 4; length < whole.length; length += 97) {
            refused(write("cut.bin", Arrays.copyOf(whole, length + 1)), "the zip directory is missing at the end: is the file truncated?");
        }
        refused(write("empty.bin", new byte[0]), "is empty (0 bytes); download it again");
    }

    @Test
    void aMissingFileIsRefused() {
        refused(folder.resolve("none.bin"), "cannot be opened: no such file or directory");
    }

    private static void refused(Path file, String... problems) {
        assertThatExceptionOfType(FileException.class).isThrownBy(() -> TorchFile.open(file).close())
            .satisfies(e -> assertThat(e.getMessage()).startsWith("[torch] " + file).contains(problems).doesNotContain("\n"));
    }

    /** A dictionary of one tensor of f32, w, of so many elements in a storage that says it has so many. */
    private static byte[] pickleOfOneTensor(int elements, int stored) {
        var pickle = new ByteArrayOutputStream();
        pickle.writeBytes(new byte[] {(byte) 0x80, 2, '}', '('});
        string(pickle, "w");
        pickle.writeBytes("ctorch._utils\n_rebuild_tensor_v2\n((".getBytes(StandardCharsets.US_ASCII));
        string(pickle, "storage");
        pickle.writeBytes("ctorch\nFloatStorage\n".getBytes(StandardCharsets.US_ASCII));
        string(pickle, "0");
        string(pickle, "cpu");
        pickle.writeBytes(new byte[] {'K', (byte) stored, 't', 'Q', 'K', 0, 'K', (byte) elements, (byte) 0x85, 'K', 1, (byte) 0x85, (byte) 0x89});
        pickle.writeBytes("ccollections\nOrderedDict\n)RtRu.".getBytes(StandardCharsets.US_ASCII));
        return pickle.toByteArray();
    }

    private static void string(ByteArrayOutputStream pickle, String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        pickle.write('X');
        pickle.writeBytes(ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(bytes.length).array());
        pickle.writeBytes(bytes);
    }

    private static Map<String, byte[]> archive(byte[] pickle) {
        Map<String, byte[]> entries = new LinkedHashMap<>();
        entries.put("x/data.pkl", pickle);
        entries.put("x/byteorder", "little".getBytes(StandardCharsets.US_ASCII));
        entries.put("x/data/0", new byte[] {1, 2, 3, 4, 5, 6, 7, 8});
        return entries;
    }

    private Path write(String name, byte[] bytes) {
        return SafetensorsBytes.write(folder.resolve(name), bytes);
    }

    private static Path resource(String name) {
        try {
            return Path.of(TorchFileTest.class.getResource("/kept/torch/" + name).toURI());
        } catch (URISyntaxException e) {
            throw new AssertionError(e);
        }
    }
}
