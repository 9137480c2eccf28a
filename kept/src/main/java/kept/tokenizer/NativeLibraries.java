package kept.tokenizer;

/**
 * Configures how DJL finds its native libraries: in its jars, unpacked once to the user's DJL cache ({@code ~/.djl.ai}, or {@code DJL_CACHE_DIR}). By
 * default it would look for CUDA builds on the network and, on cloud machines, send usage data; a tokenizer needs neither. Settings made by the user
 * are kept.
 */
final class NativeLibraries {
    private NativeLibraries() {
    }

    /** Must be called before the first class of DJL is used. Idempotent. */
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
