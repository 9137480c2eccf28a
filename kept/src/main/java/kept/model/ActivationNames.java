package kept.model;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import kept.nn.Activation;

/** The names of activations in {@code hidden_act}. */
final class ActivationNames {
    /** The first of each activation is written; the others are synonyms in transformers. */
    private static final Map<String, Activation> BY_NAME = new LinkedHashMap<>();

    static {
        put(Activation.SILU, "silu", "swish");
        put(Activation.GELU, "gelu", "gelu_python");
        put(Activation.GELU_TANH, "gelu_pytorch_tanh", "gelu_new", "gelu_fast", "gelu_python_tanh", "gelu_accurate");
        put(Activation.RELU, "relu");
        put(Activation.RELU_SQUARED, "relu2");
    }

    private ActivationNames() {}

    private static void put(Activation activation, String... names) {
        List.of(names).forEach(name -> BY_NAME.put(name, activation));
    }

    static Optional<Activation> parse(String name) {
        return Optional.ofNullable(BY_NAME.get(name));
    }

    static String of(Activation activation) {
        return BY_NAME.entrySet().stream().filter(entry -> entry.getValue() == activation).map(Map.Entry::getKey).findFirst().orElseThrow();
    }

    /** The names to write of some activations, separated by commas. */
    static String list(Set<Activation> activations) {
        return activations.stream().sorted().map(ActivationNames::of).collect(Collectors.joining(", "));
    }
}
