package kept.mapping;

/** How a target tensor is made of its sources. */
public enum Transform {
    /** NPM: the module is the same in both architectures, and its tensor is copied bit for bit. */
    COPY("NPM"),
    /** OPM: an RMSNorm's weight is the LayerNorm's weight, which is the best choice per channel for features of zero mean. */
    NORM_WEIGHT("OPM");

    private final String method;

    Transform(String method) {
        this.method = method;
    }

    /**
     * The method of the paper that the transform belongs to.
     *
     * @return its abbreviation
     */
    public String method() {
        return method;
    }
}
