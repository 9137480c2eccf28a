package kept.bench;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/**
 * Packs the source of a function into an archive as {@code torch.jit.save} writes it, so that every operator of libtorch can be called, not only
 * those with a method in DJL. The archive is a zip file with the source, a pickle of the module object, which has no parameters, and a pickle of the
 * constants, an empty tuple.
 */
final class TorchScript {
    private static final String FORMAT_VERSION = "10\n";
    /** Pickle protocol 2: an instance of the named class, created without arguments, with the attribute {@code training = False}. */
    private static final String MODULE_PICKLE = "\u0080\u0002c__torch__\nPeer\n)\u0081}(X\u0008\0\0\0training\u0089ub.";
    /** Pickle protocol 2: the empty tuple. */
    private static final String NO_CONSTANTS_PICKLE = "\u0080\u0002).";

    private TorchScript() {}

    /**
     * Creates an archive of a module whose method {@code forward} is the function.
     *
     * @param parameters declaration of the parameters, such as {@code x: Tensor, w: Tensor}
     * @param result type of the result, such as {@code Tensor}
     * @param body statements, one per line
     * @return bytes of the archive
     */
    static byte[] archive(String parameters, String result, String body) {
        String source = """
                class Peer(Module):
                  __parameters__ = []
                  __buffers__ = []
                  training : bool
                  def forward(self: __torch__.Peer, %s) -> %s:
                """.formatted(parameters, result) + body.indent(4);
        var bytes = new ByteArrayOutputStream();
        try (var zip = new ZipOutputStream(bytes)) {
            zip.setMethod(ZipOutputStream.STORED);
            add(zip, "version", FORMAT_VERSION);
            add(zip, "code/__torch__.py", source);
            add(zip, "data.pkl", MODULE_PICKLE);
            add(zip, "constants.pkl", NO_CONSTANTS_PICKLE);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return bytes.toByteArray();
    }

    private static void add(ZipOutputStream zip, String name, String content) throws IOException {
        byte[] bytes = content.getBytes(StandardCharsets.ISO_8859_1);
        var sum = new CRC32();
        sum.update(bytes);
        var entry = new ZipEntry("peer/" + name);
        entry.setSize(bytes.length);
        entry.setCompressedSize(bytes.length);
        entry.setCrc(sum.getValue());
        zip.putNextEntry(entry);
        zip.write(bytes);
        zip.closeEntry();
    }
}
