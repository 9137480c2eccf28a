package kept.demo;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/**
 * A Java source file taken apart.
 *
 * @param code the code without comments; where only a comment stood there is no line, and of several empty lines one remains
 * @param documentation the documentation comments, in their order
 */
record JavaSource(String code, List<Comment> documentation) {

    /**
     * A documentation comment.
     *
     * @param text its lines, without the stars or slashes at their beginnings
     * @param markdown whether it is written in Markdown ({@code ///}) and not in HTML
     */
    record Comment(String text, boolean markdown) { }

    static JavaSource parse(String source) {
        return new Scanner(source.replace("\r\n", "\n")).scan();
    }

    /** Walks through a file once and knows literals from comments; whether the file compiles is nothing to it. */
    private static final class Scanner {
        private final String source;
        private final StringBuilder code = new StringBuilder();
        private final StringBuilder line = new StringBuilder();
        private final StringBuilder markdown = new StringBuilder();
        private final List<Comment> documentation = new ArrayList<>();
        private boolean commentOnLine;
        private boolean afterEmptyLine = true;
        private int at;

        Scanner(String source) {
            this.source = source;
        }

        JavaSource scan() {
            while (at < source.length()) {
                char c = source.charAt(at);
                if (source.startsWith("//", at)) {
                    lineComment();
                } else if (source.startsWith("/*", at)) {
                    blockComment();
                } else if (c == '"' || c == '\'') {
                    literal(source.startsWith("\"\"\"", at) ? "\"\"\"" : String.valueOf(c));
                } else if (c == '\n') {
                    endLine();
                    at++;
                } else {
                    line.append(c);
                    at++;
                }
            }
            if (!line.isEmpty()) {
                endLine();
            }
            endMarkdown();
            return new JavaSource(code.toString(), List.copyOf(documentation));
        }

        private void lineComment() {
            int end = endOr(source.indexOf('\n', at));
            if (source.startsWith("///", at) && line.toString().isBlank()) {
                markdown.append(source, Math.min(end, at + 3), end).append('\n');
            }
            commentOnLine = true;
            at = end;
        }

        private void blockComment() {
            int end = endOr(source.indexOf("*/", at + 2));
            if (source.startsWith("/**", at) && end > at + 3) {
                String body = source.substring(at + 3, end);
                documentation.add(new Comment(body.lines().map(Scanner::withoutStar).collect(Collectors.joining("\n", "", "\n")), false));
            }
            commentOnLine = true;
            at = Math.min(source.length(), end + 2);
        }

        private static String withoutStar(String line) {
            String text = line.strip();
            int stars = 0;
            while (stars < text.length() && text.charAt(stars) == '*') {
                stars++;
            }
            return text.substring(stars);
        }

        private void literal(String quote) {
            int end = at + quote.length();
            while (end < source.length() && !source.startsWith(quote, end) && (quote.length() == 3 || source.charAt(end) != '\n')) {
                end += source.charAt(end) == '\\' ? 2 : 1;
            }
            end = Math.min(source.length(), end + (source.startsWith(quote, end) ? quote.length() : 0));
            line.append(source, at, end);
            at = end;
        }

        private void endLine() {
            String text = line.toString().stripTrailing();
            boolean markdownGoesOn = text.isEmpty() && commentOnLine;
            if (!markdownGoesOn) {
                endMarkdown();
            }
            if (!text.isEmpty() || !commentOnLine && !afterEmptyLine) {
                code.append(text).append('\n');
                afterEmptyLine = text.isEmpty();
            }
            line.setLength(0);
            commentOnLine = false;
        }

        private void endMarkdown() {
            if (!markdown.isEmpty()) {
                documentation.add(new Comment(markdown.toString(), true));
                markdown.setLength(0);
            }
        }

        private int endOr(int found) {
            return found < 0 ? source.length() : found;
        }
    }
}
