/**
 * Llama checkpoints as GGUF files, the format of llama.cpp: one file that holds settings, tokenizer and weights.
 *
 * <p>{@link kept.gguf.GgufExport} writes a directory's model as one, in a {@link kept.gguf.GgufType}. What is written, under which names, is what
 * llama.cpp's own converter writes for the same directory; {@code docs/gguf.md} says where the two differ.
 *
 * <p>Not here: reading GGUF files (a strict reader is among the tests), and files that appear whole or not at all ({@code kept.io}).
 */
package kept.gguf;
