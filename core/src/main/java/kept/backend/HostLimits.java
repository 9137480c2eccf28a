package kept.backend;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.OptionalLong;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;

/**
 * The processors and the memory that the host's system gives this process, as files of Linux tell them. On other systems, and where a file is
 * missing, processors are those that Java counts, and the memory is unknown.
 *
 * <p>Hardware threads of one core share its arithmetic units and caches, so that a second thread on a core slows the first down; a core counts once.
 * Java's own number ({@link Runtime#availableProcessors}) is never exceeded: it knows which processors the process may run on, and the quota of its
 * control group. Of a quota of one and a half processors Java makes two, which is kept: two threads use all of it, one would leave a third.
 */
public final class HostLimits {
    private static final String PROCESS = "proc/self";

    /** A character in a path of {@code mountinfo} by its octal code. */
    private static final Pattern ESCAPE = Pattern.compile("\\\\([0-7]{3})");

    private final Path root;
    private final int available;

    /** Limits by the files below a directory, and Java's number of processors. */
    HostLimits(Path root, int available) {
        this.root = root;
        this.available = available;
    }

    /**
     * The limits of this process.
     *
     * @return reads the system's files at each call
     */
    public static HostLimits ofThisProcess() {
        return new HostLimits(Path.of("/"), Runtime.getRuntime().availableProcessors());
    }

    /**
     * The number of threads that the process keeps busy.
     *
     * @return the physical cores that it may use, or Java's number of processors if that is less; 1 or more
     */
    public int processors() {
        int cores = cores(PROCESS + "/status");
        return cores == 0 ? available : Math.min(cores, available);
    }

    /**
     * The number of physical cores that a process may use.
     *
     * @param process its number
     * @return how many cores its processors are a part of; 0 where the system does not tell which these are
     */
    public int coresOf(long process) {
        return cores("proc/" + process + "/status");
    }

    private int cores(String status) {
        return lines(status).stream().filter(line -> line.startsWith("Cpus_allowed_list:"))
                .mapToInt(line -> coresAmong(line.substring(line.indexOf(':') + 1).strip())).findFirst().orElse(0);
    }

    /** The cores of processors as Linux lists them, {@code 0-3,8}; a processor whose core is unknown is one by itself. */
    private int coresAmong(String list) {
        Set<String> cores = new HashSet<>();
        for (int processor : processors(list)) {
            String topology = "sys/devices/system/cpu/cpu" + processor + "/topology/";
            List<String> threads = lines(topology + "core_cpus_list");
            if (threads.isEmpty()) {
                // Its name before Linux 5.3.
                threads = lines(topology + "thread_siblings_list");
            }
            cores.add(threads.isEmpty() ? "processor " + processor : threads.getFirst().strip());
        }
        return cores.size();
    }

    private static int[] processors(String list) {
        IntStream all = IntStream.empty();
        try {
            for (String range : list.split(",")) {
                String[] ends = range.strip().split("-", -1);
                all = IntStream.concat(all, IntStream.rangeClosed(Integer.parseInt(ends[0]), Integer.parseInt(ends[ends.length - 1])));
            }
        } catch (NumberFormatException e) {
            return new int[0];
        }
        return all.toArray();
    }

    /**
     * The memory that the process plans with: a tenth is left to the system, and to what Java needs beside its heap. With that, an allocation fails
     * before the system ends the process.
     *
     * @return nine tenths of {@link #memory}, in bytes; empty if unknown
     */
    public OptionalLong usableMemory() {
        OptionalLong memory = memory();
        return memory.isEmpty() ? memory : OptionalLong.of(memory.getAsLong() / 10 * 9);
    }

    /**
     * The memory beyond which the system ends the process.
     *
     * @return the machine's, or the least limit of the control groups (version 1 or 2) that the process is in, in bytes; empty if unknown
     */
    public OptionalLong memory() {
        List<Long> limits = new ArrayList<>();
        for (String line : lines("proc/meminfo")) {
            if (line.startsWith("MemTotal:")) {
                number(line.replaceAll("\\D", "")).ifPresent(kibibytes -> limits.add(kibibytes << 10));
            }
        }
        for (String line : lines(PROCESS + "/mountinfo")) {
            addGroupLimits(line, limits);
        }
        return limits.stream().mapToLong(Long::longValue).min();
    }

    /**
     * Adds the limits of the process's group and of all around it, if a file system of control groups is mounted by a line of {@code mountinfo}:
     * {@code 35 31 0:32 /root /mount/point rw - cgroup cgroup rw,memory}. Only what lies below the mounted root is visible.
     */
    private void addGroupLimits(String mount, List<Long> limits) {
        String[] parts = mount.split(" - ", 2);
        String[] place = parts[0].split(" ");
        String[] type = parts.length < 2 ? new String[0] : parts[1].split(" ");
        if (place.length < 5 || type.length < 3) {
            return;
        }
        boolean second = type[0].equals("cgroup2");
        if (!second && !(type[0].equals("cgroup") && List.of(type[2].split(",")).contains("memory"))) {
            return;
        }
        Path top = below(unescaped(place[4]));
        Path group = top.resolve(relative(group(second), unescaped(place[3]))).normalize();
        for (Path directory = group; directory != null && directory.startsWith(top); directory = directory.getParent()) {
            for (String line : lines(directory.resolve(second ? "memory.max" : "memory.limit_in_bytes"))) {
                number(line.strip()).ifPresent(limits::add);
            }
        }
    }

    /** The path of the process's control group, from a line such as {@code 4:memory:/a/b} or, in version 2, {@code 0::/a/b}. */
    private String group(boolean second) {
        for (String line : lines(PROCESS + "/cgroup")) {
            String[] parts = line.split(":", 3);
            if (parts.length == 3 && (second ? parts[0].equals("0") : List.of(parts[1].split(",")).contains("memory"))) {
                return parts[2];
            }
        }
        return "/";
    }

    /** The path of a group below the mounted one; a group elsewhere is not visible, and the mounted one is the nearest. */
    private static String relative(String group, String mounted) {
        String prefix = mounted.equals("/") ? "" : mounted;
        boolean inside = group.equals(prefix) || group.startsWith(prefix + "/");
        return inside && !group.contains("..") ? group.substring(prefix.length()).replaceFirst("^/+", "") : "";
    }

    private static String unescaped(String path) {
        return ESCAPE.matcher(path).replaceAll(code -> Matcher.quoteReplacement(Character.toString(Integer.parseInt(code.group(1), 8))));
    }

    /** A number of bytes; {@code max} and what does not fit 63 bits is none. */
    private static OptionalLong number(String text) {
        try {
            return OptionalLong.of(Long.parseLong(text));
        } catch (NumberFormatException e) {
            return OptionalLong.empty();
        }
    }

    private List<String> lines(String file) {
        return lines(below(file));
    }

    private Path below(String path) {
        return root.resolve(path.replaceFirst("^/+", ""));
    }

    private static List<String> lines(Path file) {
        try {
            return Files.readAllLines(file);
        } catch (IOException | RuntimeException e) {
            // The system has no such file, or does not let this process read it.
            return List.of();
        }
    }
}
