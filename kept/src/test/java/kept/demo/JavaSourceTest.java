package kept.demo;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class JavaSourceTest {

    @Test
    void commentsGoAndCodeStays() {
        assertThat(JavaSource.parse("""
                /*
                 * Copyright
                 */
                package a;

                /** Doc. */
                public class A {   // trailing

                    // a line of its own
                    int x = 1 /* inside */ + 2;


                    /* several
                       lines */
                    int y;
                }
                """).code()).isEqualTo("""
                package a;

                public class A {

                    int x = 1  + 2;

                    int y;
                }
                """);
    }

    @Test
    void whatLooksLikeACommentInALiteralIsCode() {
        String code = """
                String a = "http://x /* no */ \\" // no";
                char b = '"'; char c = '\\''; char d = '/';
                String e = \"""
                    // "text" /* block */ \\\"""
                    last\""";
                """;
        assertThat(JavaSource.parse(code + "int f; // yes\n").code()).isEqualTo(code + "int f;\n");
    }

    @Test
    void documentationCommentsAreTakenOutWithoutTheirStars() {
        var source = JavaSource.parse("""
                /**
                 * One
                 *   two.
                 */
                int a; /* not this */ /**/ /** Three. */ int b;
                """);
        assertThat(source.documentation()).extracting(JavaSource.Comment::text).containsExactly("\n One\n   two.\n\n", "Three.\n");
        assertThat(source.documentation()).noneMatch(JavaSource.Comment::markdown);
    }

    @Test
    void markdownDocumentationIsTakenOutLineByLine() {
        var source = JavaSource.parse("""
                /// First
                /// goes on.
                int a; /// not documentation
                    /// Second.
                int b;
                """);
        assertThat(source.documentation()).containsExactly(new JavaSource.Comment(" First\n goes on.\n", true),
                new JavaSource.Comment(" Second.\n", true));
        assertThat(source.code()).isEqualTo("int a;\nint b;\n");
    }

    @Test
    void aFileThatEndsInTheMiddleIsReadToItsEnd() {
        assertThat(JavaSource.parse("int a; /* open").code()).isEqualTo("int a;\n");
        assertThat(JavaSource.parse("String s = \"open").code()).isEqualTo("String s = \"open\n");
        assertThat(JavaSource.parse("String s = \"open\\").code()).isEqualTo("String s = \"open\\\n");
        assertThat(JavaSource.parse("int a; /**").code()).isEqualTo("int a;\n");
        assertThat(JavaSource.parse("").code()).isEmpty();
    }
}
