package kept.demo;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

class JavadocProseTest {

    @Test
    void markupBecomesParagraphsOfPlainText() {
        assertThat(prose("""
                Returns the <em>first</em> element of
                this list.
                <p>It runs in 2<sup>n</sup> steps &mdash; or &lt; 3 &#x26; more.
                <ul><li>one item of the list</li><li>another item of it</ul>
                <pre>{@code int x = 1;}</pre> <!-- not this one here -->
                """)).containsExactly("Returns the first element of this list.", "It runs in 2^n steps \u2014 or < 3 & more.",
                "one item of the list", "another item of it");
    }

    @Test
    void inlineTagsShowWhatTheyWouldShow() {
        assertThat(prose("Takes a {@code Map<String, List<T>>} with {@literal {braces} & @}, see {@link #put(Object, Object)}.")).containsExactly(
                "Takes a Map<String, List<T>> with {braces} & @, see put(Object, Object).");
        assertThat(prose("See {@link java.util.List#add(int, Object) the {@code add} method} or {@linkplain String}.")).containsExactly(
                "See the add method or String.");
        assertThat(prose("{@inheritDoc} This stays, {@return not this} {@snippet lang=java : int x; }")).containsExactly(
                "This stays, Returns not this.");
    }

    @Test
    void blockTagsThatMakeSentencesAreKept() {
        assertThat(prose("""
                Does the thing asked for.
                @param count how often it is done
                @param <T> the type of the thing
                @return the number of things done
                @throws IllegalStateException if nothing can be done
                @see #undo() the opposite of it
                @since 1.2 or perhaps before that
                """)).containsExactly("Does the thing asked for.", "count - how often it is done", "Returns the number of things done",
                "Throws IllegalStateException if nothing can be done");
    }

    @Test
    void markdownIsReadToo() {
        assertThat(JavadocProse.paragraphs(new JavaSource.Comment("""
                Uses `code` and [a link](http://x) and [String].

                - one item of the list
                ```
                int left = out;
                ```
                """, true))).containsExactly("Uses code and a link and String.", "one item of the list");
    }

    @Test
    void licencesAndScrapsAreNoProse() {
        assertThat(prose("Copyright (c) 2024, of somebody in particular.")).isEmpty();
        assertThat(prose("The name.")).isEmpty();
        assertThat(prose("Unbalanced {@code { is kept {@code as} it stands")).containsExactly("Unbalanced {@code { is kept as it stands");
    }

    private static List<String> prose(String comment) {
        return JavadocProse.paragraphs(new JavaSource.Comment(comment, false));
    }
}
