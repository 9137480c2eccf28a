package kept.template;

/**
 * A string that counts as HTML, by the filters safe and escape: it prints as itself, and what is joined to it is escaped.
 *
 * @param text the string
 */
record Markup(String text) {
    /** A string with the signs of HTML escaped. */
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
