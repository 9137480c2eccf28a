package kept.report;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Properties;

/** The texts that the page is made of: the project's own, and the chart library's from its WebJar, whose folder is named for its version. */
final class PageLibrary {
    private static final String CHART_PROPERTIES = "META-INF/maven/org.webjars.npm/uplot/pom.properties";
    private static final String CHART_FILES = "META-INF/resources/webjars/uplot/%s/%s";

    private PageLibrary() { }

    /** One of the project's files beside this class. */
    static String own(String name) {
        return text(PageLibrary.class.getResourceAsStream(name), name);
    }

    /** The chart library's version. */
    static String chartVersion() {
        var properties = new Properties();
        try (InputStream stream = required(library(CHART_PROPERTIES), CHART_PROPERTIES)) {
            properties.load(stream);
        } catch (IOException e) {
            throw new UncheckedIOException("[report] %s cannot be read".formatted(CHART_PROPERTIES), e);
        }
        return properties.getProperty("version");
    }

    /** One of the chart library's files. */
    static String chart(String name) {
        String path = CHART_FILES.formatted(chartVersion(), name);
        return text(library(path), path);
    }

    private static InputStream library(String path) {
        return PageLibrary.class.getClassLoader().getResourceAsStream(path);
    }

    private static String text(InputStream resource, String name) {
        try (InputStream stream = required(resource, name)) {
            return new String(stream.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException("[report] %s cannot be read".formatted(name), e);
        }
    }

    private static InputStream required(InputStream stream, String name) {
        if (stream == null) {
            throw new IllegalStateException("[report] %s is missing: are all jars of the build on the module path?".formatted(name));
        }
        return stream;
    }
}
