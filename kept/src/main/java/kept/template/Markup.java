package kept.template;

/**
 * A string marked as safe HTML by the filters safe and escape: it is printed unchanged, and strings concatenated to it are escaped.
 *
 * @param text the string
 */
record Markup(String text) {
    /** Escapes the HTML special characters of a string. */
    static Markup escape(Object value, Text text) {
        if (value instanceof Markup markup) {
            return markup;
        }
        String plain = text.string(value);
        var escaped = new StringBuilder(plain.length());
        for (int i = 0; i < plain.length(); i++) {
            char sign = plain.charAt(i);
            switch (sign) {
                case '&' -> escaped.append("&amp;");
                case '<' -> escaped.append("&lt;");
                case '>' -> escaped.append("&gt;");
                case '\'' -> escaped.append("&#39;");
                case '"' -> escaped.append("&#34;");
                default -> escaped.append(sign);
            }
        }
        text.budget().text(escaped.length());
        return new Markup(escaped.toString());
    }
}
