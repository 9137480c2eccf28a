package kept.report;

import io.pebbletemplates.pebble.PebbleEngine;
import io.pebbletemplates.pebble.loader.MemoryLoader;
import java.io.IOException;
import java.io.InputStream;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Properties;

/** The resources of HTML pages: the project's own files, and the chart library's from its WebJar, whose folder is named after its version. */
final class PageLibrary {
    /** The template that all others extend: title, main part and footer are theirs. */
    private static final String FRAME = "page.peb";
    private static final String CHART_PROPERTIES = "META-INF/maven/org.webjars.npm/uplot/pom.properties";
    private static final String CHART_FILES = "META-INF/resources/webjars/uplot/%s/%s";

    private PageLibrary() { }

    /**
     * Renders a page from one of the project's templates, with style, scripts and chart library.
     *
     * @param template its file's name
     * @param values the template's variables; all texts are escaped except those the template marks as raw
     */
    static String page(String template, Map<String, Object> values) {
        var loader = new MemoryLoader();
        loader.addTemplate(FRAME, own(FRAME));
        loader.addTemplate(template, own(template));
        PebbleEngine engine = new PebbleEngine.Builder().loader(loader).cacheActive(false).strictVariables(true)
            .defaultLocale(Locale.ROOT).extension(new FigureFilters()).build();
        Map<String, Object> all = new LinkedHashMap<>(values);
        all.put("style", own("report.css"));
        all.put("script", own("report.js"));
        all.put("chartVersion", chartVersion());
        all.put("chartLicence", chart("LICENSE"));
        all.put("chartStyle", chart("dist/uPlot.min.css"));
        all.put("chartScript", chart("dist/uPlot.iife.min.js"));
        var page = new StringWriter();
        try {
            engine.getTemplate(template).evaluate(page, all);
        } catch (IOException e) {
            throw new UncheckedIOException("[report] the page cannot be written", e);
        }
        return page.toString();
    }

    /** Reads one of the project's resources in this package. */
    static String own(String name) {
        return text(PageLibrary.class.getResourceAsStream(name), name);
    }

    /** The version of the chart library. */
    static String chartVersion() {
        var properties = new Properties();
        try (InputStream stream = required(library(CHART_PROPERTIES), CHART_PROPERTIES)) {
            properties.load(stream);
        } catch (IOException e) {
            throw new UncheckedIOException("[report] %s cannot be read".formatted(CHART_PROPERTIES), e);
        }
        return properties.getProperty("version");
    }

    /** Reads one of the chart library's files. */
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
