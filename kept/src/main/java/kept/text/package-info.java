/**
 * Text from outside: {@link kept.text.Json} is the only JSON reader, {@link kept.text.TextFiles} reads small text files, {@link kept.text.LfsPointer}
 * recognises Git LFS pointers, {@link kept.text.Reasons} describes why a file could not be read or written, {@link kept.text.Counts} formats counts
 * with their nouns, {@link kept.text.VisibleText} makes untrusted text safe for a terminal, and {@link kept.text.ShellWord} for a shell.
 *
 * <p>Every other package may use this one; it knows none of them. Corpora, which do not fit memory, are read by {@code kept.corpus}.
 */
package kept.text;
