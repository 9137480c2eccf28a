package kept.cli;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/** Marks an option that names what a program writes; {@link PathArguments} tries it before the program begins. */
@Documented
@Retention(RetentionPolicy.RUNTIME)
@Target({ElementType.FIELD, ElementType.METHOD})
public @interface Writes {
    /** What is written. */
    Kind value();

    /** What is written. */
    enum Kind {
        /** A file in a directory that exists. */
        FILE,
        /** A file whose missing directories are created, and which is replaced only if an option says so. */
        NEW_FILE,
        /** A directory that appears complete, with missing parents. */
        DIRECTORY,
        /** Files in a directory that exists. */
        TEMPORARY_FILES,
        /** Files that are added to a directory, which is created with missing parents. */
        ADDED_FILES
    }
}
