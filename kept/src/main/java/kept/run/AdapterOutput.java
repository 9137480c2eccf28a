package kept.run;

/** How trained low-rank adapters are written. */
public enum AdapterOutput {
    /** Added to the weights, which then are those of any Llama. */
    MERGED,
    /** In the folder {@code adapter} of the output, in the format of PEFT; the output is their base, without them. */
    ADAPTER
}
