package kept.corpus;

/**
 * A text that belongs together: a record of a JSON-lines file, a text file, or a part of a long one.
 *
 * @param name where it comes from, the same on every machine: file name, or path inside the folder or archive, and the number in the file
 * @param text the text, with something other than white space in it
 */
public record Document(String name, String text) { }
