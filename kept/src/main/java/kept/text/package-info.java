/**
 * Text that comes from outside: {@link kept.text.Json} is the program's one JSON reader, {@link kept.text.TextFiles} reads small text files,
 * {@link kept.text.LfsPointer} knows what stands in place of a file that was not downloaded, {@link kept.text.Reasons} puts into words why a file
 * could not be read or written, and {@link kept.text.VisibleText} makes text of any origin harmless to a terminal.
 *
 * <p>Every other package may use this one; it knows none of them. Corpora, which do not fit memory, are read by {@code kept.corpus}.
 */
package kept.text;
