package kept.bench;

/** A library that the table compares this one with. */
enum Peer {
    /** PyTorch's library; it runs every case. */
    LIBTORCH("libtorch") {
        @Override
        String open() {
            try (var _ = Libtorch.open()) {
                return "libtorch %s through DJL, %d threads".formatted(Libtorch.version(), Threads.count());
            }
        }
    },
    /** A library of linear algebra; it runs products and least squares. */
    OPENBLAS("OpenBLAS") {
        @Override
        String open() {
            return OpenBlas.open().description();
        }
    },
    /** A library for inference; it runs decoding and prompts. */
    LLAMA_CPP("llama.cpp") {
        @Override
        String open() {
            return LlamaCpp.open().description();
        }
    };

    private final String label;

    Peer(String label) {
        this.label = label;
    }

    /** Name in the table and in the JSON output. */
    String label() {
        return label;
    }

    /**
     * Loads the library.
     *
     * @return its name, version and number of threads, for the head of the table
     * @throws IllegalStateException if it is not there or cannot be loaded; the message names the reason
     */
    abstract String open();
}
