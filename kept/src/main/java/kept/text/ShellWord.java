package kept.text;

/** Words of commands that are printed to be pasted into a shell. */
public final class ShellWord {
    private ShellWord() { }

    /**
     * Quotes a word so that a POSIX shell reads it as it is.
     *
     * @param word any text, such as a path with blanks
     * @return the word, in single quotes if it needs them
     */
    public static String quoted(Object word) {
        String text = word.toString();
        return text.matches("[A-Za-z0-9_@%+=:,./-]+") ? text : "'" + text.replace("'", "'\\''") + "'";
    }
}
