package kept.tokenizer;

/**
 * How DJL finds its native libraries: inside its jars, unpacked once to the user's DJL cache ({@code ~/.djl.ai}, or {@code DJL_CACHE_DIR}).
 * Left alone it would look for CUDA builds on the network and, on a cloud machine, report its use to its makers; a tokenizer needs neither.
 * Settings the user has made stay.
 */
final class NativeLibraries {
    private NativeLibraries() {
    }

    /** To be called before the first class of DJL is used; calling it again changes nothing. */
    static void prepare() {
        setDefault("ai.djl.offline", "true");
        setDefault("OPT_OUT_TRACKING", "true");
        setDefault("RUST_FLAVOR", "cpu");
    }

    private static void setDefault(String key, String value) {
        if (System.getProperty(key) == null && System.getenv(key) == null) {
            System.setProperty(key, value);
        }
    }
}
