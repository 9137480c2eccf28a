package kept.run;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import kept.autograd.Autograd;
import kept.generation.Continuation;
import kept.generation.GenerationOptions;
import kept.generation.Generator;
import kept.generation.SamplingOptions;
import kept.model.Decoder;
import kept.tensor.Device;
import kept.tensor.Tensor;
import kept.tokenizer.Tokenizer;

/**
 * A checkpoint with its tokenizer, loaded and ready to generate text. Several threads may compute logits and hidden states of one
 * model at the same time, each in a {@link kept.tensor.Scope} of its own on the model's device; {@link #generate} is for one thread at a time.
 */
public final class LanguageModel implements AutoCloseable {
    private final Decoder decoder;
    private final Tokenizer tokenizer;

    private LanguageModel(Decoder decoder, Tokenizer tokenizer) {
        this.decoder = decoder;
        this.tokenizer = tokenizer;
    }

    /**
     * Loads a checkpoint on the CPU. Parameters keep the types in which they are stored.
     *
     * @param directory contains config.json, weights and tokenizer files
     * @return the model; the caller closes it
     * @throws kept.io.FileException if a file is missing or damaged
     */
    public static LanguageModel load(Path directory) {
        return load(directory, Device.cpu());
    }

    /**
     * Loads a checkpoint. Parameters keep the types in which they are stored.
     *
     * @param directory contains config.json, weights and tokenizer files
     * @param device holds the parameters and computes
     * @return the model; the caller closes it
     * @throws kept.io.FileException if a file is missing or damaged
     */
    public static LanguageModel load(Path directory, Device device) {
        Tokenizer tokenizer = Tokenizer.load(directory);
        try {
            Decoder decoder = LoadedModel.load(directory, null, device, Progress.NONE);
            try {
                tokenizer.requireVocabulary(decoder.config().vocabSize());
                return new LanguageModel(decoder, tokenizer);
            } catch (RuntimeException e) {
                decoder.close();
                throw e;
            }
        } catch (RuntimeException e) {
            tokenizer.close();
            throw e;
        }
    }

    /**
     * Continues a text with the most likely tokens, until an end token or a number of tokens.
     *
     * @param prompt the text to continue; not empty
     * @param maxTokens the maximum number of generated tokens, at least 1
     * @return the continuation without the prompt
     */
    public String generate(String prompt, int maxTokens) {
        var options = new GenerationOptions(SamplingOptions.GREEDY, 0, maxTokens, List.of(), Set.copyOf(decoder.config().eosTokenIds()));
        return generate(prompt, options).text();
    }

    /**
     * Continues a text.
     *
     * @param prompt the text to continue; not empty
     * @param options sampling, seed, maximum length, stop strings and end tokens
     * @return the continuation without the prompt, and why it ended
     */
    public Continuation generate(String prompt, GenerationOptions options) {
        return new Generator(decoder, tokenizer, options).continueOne(encode(prompt), _ -> { });
    }

    /**
     * Computes the logits at every position of a text, without recording gradients.
     *
     * @param text a text of at least one token
     * @return {@code [1, tokens, vocabulary]}, in the current scope
     */
    public Tensor logits(String text) {
        return Autograd.withoutRecording(() -> decoder.logits(ids(text)));
    }

    /**
     * Computes the output of the last norm at every position of a text, without recording gradients.
     *
     * @param text a text of at least one token
     * @return {@code [1, tokens, hidden size]}, in the current scope
     */
    public Tensor hiddenStates(String text) {
        return Autograd.withoutRecording(() -> decoder.hidden(ids(text)));
    }

    /**
     * Returns the network.
     *
     * @return it, for logits of given ids, single layers, or training
     */
    public Decoder decoder() {
        return decoder;
    }

    /**
     * Returns the tokenizer.
     *
     * @return the tokenizer of the checkpoint; closed with the model
     */
    public Tokenizer tokenizer() {
        return tokenizer;
    }

    private int[] encode(String text) {
        return tokenizer.encode(text, tokenizer.addsBos(), false);
    }

    private Tensor ids(String text) {
        long[] ids = Arrays.stream(encode(text)).asLongStream().toArray();
        if (ids.length == 0) {
            throw new RunException("[generate] the text has no tokens");
        }
        return Tensor.of(ids, 1, ids.length);
    }

    @Override
    public void close() {
        decoder.close();
        tokenizer.close();
    }
}
