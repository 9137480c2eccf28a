package kept.corpus;

/**
 * One text: a record of a JSON-lines file, a text file, or a part of a long one.
 *
 * @param name its origin, the same on every machine: file name, or path inside the folder or archive, and the number in the file
 * @param text the text, with something other than white space in it
 */
public record Document(String name, String text) { }
