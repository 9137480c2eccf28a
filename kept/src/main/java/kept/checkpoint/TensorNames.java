package kept.checkpoint;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.BooleanSupplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import kept.io.FileException;
import kept.text.Counts;
import kept.weights.TensorEntry;

/**
 * Maps the names of tensors in files to the names the model uses: {@code model.embed_tokens.weight}, {@code model.layers.N...},
 * {@code model.norm...}, {@code lm_head.weight}.
 *
 * <p>Programs that save a model from within a wrapper add a prefix to every name ({@code module.}, {@code _orig_mod.}, {@code base_model.model.}) or
 * omit {@code model.}; a prefix shared by all layer tensors is read as {@code model.}. Names of PyTorch wrappers around single modules are removed
 * wherever they occur. Buffers that follow from the configuration and tensors without elements are not parameters and are ignored.
 */
final class TensorNames {
    private static final int MAX_PREFIXES = 3;
    private static final String MODEL = "model.";
    private static final String EMBEDDING = "model.embed_tokens.weight";
    private static final String HEAD = "lm_head.weight";
    private static final Pattern BODY = Pattern.compile("((?:[^.]+\\.)*?)((?:embed_tokens\\.weight|layers\\.\\d+\\..+))");
    private static final Pattern FINAL_NORM = Pattern.compile("norm\\.(weight|bias)");
    private static final Pattern WRAPPERS = Pattern.compile("(?<![^.])(_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\\.");
    private static final Pattern ADAPTER = Pattern.compile(".*\\.(lora_[AB]|lora_embedding_[AB]|lora_magnitude_vector|base_layer|modules_to_save"
        + "|ia3_l|hada_w\\d_[ab]|lokr_w\\d|oft_[rR]|vera_lambda_[bd])(\\..*)?");
    private static final Pattern QUANTISED = Pattern.compile(".*\\.(qweight|qzeros|g_idx|scales|SCB|absmax|quant_map|nested_absmax|weight_format"
        + "|weight_scale|weight_scale_inv|weight_packed|input_scale|weight_zero_point"
        + "|quant_state\\..*|weight\\.(absmax|quant_map|quant_state\\..*))");
    /** Name suffixes of buffers: rotary tables, positions and attention masks. */
    private static final List<String> BUFFERS = List.of("rotary_emb.inv_freq", "rotary_emb.original_inv_freq", "rotary_emb.cos_cached",
        "rotary_emb.sin_cached", "position_ids", "masked_bias", "attn.bias", "attention.bias", "causal_mask", "attn.mask");

    private final Map<String, String> known = new LinkedHashMap<>();
    private final Map<String, TensorEntry> empty = new LinkedHashMap<>();
    private final Set<String> buffers = new TreeSet<>();
    private final List<String> notes = new ArrayList<>();
    private int bufferCount;
    private String prefixWarning;

    private TensorNames() { }

    /**
     * Determines the names.
     *
     * @param directory the checkpoint directory, for errors
     * @param entries all tensors of all files
     * @param tied whether the configuration ties the head to the embedding; evaluated only if the head or the embedding is missing
     * @return their names
     * @throws FileException if the tensors belong to an adapter or a quantised model, or two have the same name
     */
    static TensorNames of(Path directory, List<TensorEntry> entries, BooleanSupplier tied) {
        var names = new TensorNames();
        var parameters = new ArrayList<TensorEntry>();
        for (TensorEntry entry : entries) {
            refuseForeign(entry);
            if (!names.ignores(entry)) {
                parameters.add(entry);
            }
        }
        names.match(directory, parameters);
        names.tie(tied);
        names.addNotes();
        return names;
    }

    /**
     * Whether a tensor is a buffer, not a parameter.
     *
     * @param name its name in a file
     * @return true if its values follow from the configuration
     */
    static boolean isBuffer(String name) {
        return BUFFERS.stream().anyMatch(buffer -> name.equals(buffer) || name.endsWith("." + buffer));
    }

    /** Maps each model name to the name in the file, in file order. */
    Map<String, String> known() {
        return known;
    }

    /** Returns warnings about the names, one line each. */
    List<String> notes() {
        return notes;
    }

    /** Returns the entry of a tensor without elements, or null if there is none with this name. */
    TensorEntry empty(String name) {
        return empty.get(name);
    }

    /** Returns a sentence saying that names have different prefixes, which may be why a tensor is missing; null if they do not. */
    String prefixWarning() {
        return prefixWarning;
    }

    private static void refuseForeign(TensorEntry entry) {
        if (ADAPTER.matcher(entry.name()).matches()) {
            throw new FileException("checkpoint", entry.file(), entry.name(), entry.offset(),
                "is part of an adapter (PEFT, LoRA): merge it into its base model (merge_and_unload) and save that");
        }
        if (QUANTISED.matcher(entry.name()).matches()) {
            throw new FileException("checkpoint", entry.file(), entry.name(), entry.offset(),
                "is part of a quantised model (GPTQ, AWQ, bitsandbytes, FP8): use the unquantised checkpoint");
        }
    }

    private boolean ignores(TensorEntry entry) {
        if (isBuffer(entry.name())) {
            BUFFERS.stream().filter(entry.name()::endsWith).forEach(buffers::add);
            bufferCount++;
            return true;
        }
        if (entry.shape().elementCount() == 0) {
            empty.put(entry.name(), entry);
            return true;
        }
        return false;
    }

    private void match(Path directory, List<TensorEntry> parameters) {
        Map<String, String> bodies = new LinkedHashMap<>();
        Set<String> heads = new LinkedHashSet<>();
        for (TensorEntry entry : parameters) {
            String name = unwrapped(entry.name());
            Matcher body = BODY.matcher(name);
            if (body.matches()) {
                bodies.putIfAbsent(body.group(1), entry.name());
            } else if (name.equals(HEAD) || name.endsWith("." + HEAD)) {
                heads.add(name.substring(0, name.length() - HEAD.length()));
            }
        }
        String body = bodies.size() == 1 ? bodies.keySet().iterator().next() : MODEL;
        String head = heads.size() == 1 && body.startsWith(heads.iterator().next()) ? heads.iterator().next() : "";
        if (bodies.size() > 1) {
            prefixWarning = describePrefixes(bodies);
            notes.add(prefixWarning);
        }
        for (TensorEntry entry : parameters) {
            String name = named(unwrapped(entry.name()), body, head);
            String other = known.put(name, entry.name());
            if (other != null) {
                throw new FileException("checkpoint", directory, entry.name(), -1, "and '%s' are both read as %s".formatted(other, name));
            }
        }
        if (!body.equals(MODEL) || !head.isEmpty()) {
            notes.add(body.isEmpty() ? "the tensors' names lack the prefix '%s', which is added".formatted(MODEL)
                : "the tensors' names have the prefix '%s', which is read as '%s'".formatted(body, MODEL));
        }
        if (parameters.stream().anyMatch(entry -> WRAPPERS.matcher(entry.name()).find())) {
            notes.add("wrapper names in the tensors' names (such as _orig_mod) are removed");
        }
    }

    /** With tied weights the files may hold either the embedding or the head; both names refer to it. */
    private void tie(BooleanSupplier tied) {
        if (known.containsKey(HEAD) && !known.containsKey(EMBEDDING) && tied.getAsBoolean()) {
            known.put(EMBEDDING, known.remove(HEAD));
            notes.add("the head is tied to the embedding and the files contain only %s, which is used as the embedding".formatted(HEAD));
        }
    }

    private static String describePrefixes(Map<String, String> bodies) {
        return "the tensors' names have %s: %s; do the files belong to different models, or were they saved from different wrappers?".formatted(
            Counts.of(bodies.size(), "different prefix", "different prefixes"), bodies.entrySet().stream().limit(MAX_PREFIXES)
                .map(body -> "'%s' (%s)".formatted(FileException.shorten(body.getKey()), FileException.shorten(body.getValue())))
                .collect(Collectors.joining(", ")));
    }

    private static String unwrapped(String name) {
        return WRAPPERS.matcher(name).replaceAll("");
    }

    private static String named(String name, String body, String head) {
        if (name.equals(head + HEAD)) {
            return HEAD;
        }
        if (name.startsWith(body)) {
            String rest = name.substring(body.length());
            if (BODY.matcher(rest).lookingAt() || FINAL_NORM.matcher(rest).matches()) {
                return MODEL + rest;
            }
        }
        return name;
    }

    private void addNotes() {
        if (bufferCount > 0) {
            notes.add("%s ignored (%s)".formatted(
                Counts.of(bufferCount, "tensor that is not a parameter is", "tensors that are not parameters are"),
                buffers.stream().collect(Collectors.joining(", "))));
        }
        if (!empty.isEmpty()) {
            notes.add("%s ignored (the first: %s)".formatted(
                Counts.of(empty.size(), "tensor without elements is", "tensors without elements are"),
                FileException.shorten(empty.keySet().iterator().next())));
        }
    }
}
