# Functions shared by the scripts in bin/; sourced, not run. Expects $root, the repository, and $program, the program's name in messages.

oldest_java=25

fail() {
    printf '%s: %s\n' "$program" "$*" >&2
    exit 1
}

# java_major HOME: prints the major version of the JDK in HOME; fails if there is none or if it lacks the Vector API.
java_major() {
    [ -x "$1/bin/java" ] && [ -f "$1/release" ] || return 1
    if grep -q '^MODULES=' "$1/release" && ! grep -q '^MODULES=.*jdk\.incubator\.vector' "$1/release"; then
        return 1
    fi
    sed -n 's/^JAVA_VERSION="\([0-9]*\).*/\1/p' "$1/release"
}

# suits HOME: succeeds if the JDK in HOME is new enough.
suits() {
    found_major=$(java_major "$1") && [ -n "$found_major" ] && [ "$found_major" -ge "$oldest_java" ]
}

# java_of_path: prints the home of the java on the PATH with symbolic links resolved; prints nothing if there is none.
java_of_path() {
    on_path=$(command -v java) || return 0
    on_path=$(follow "$on_path")
    dirname -- "$(dirname -- "$on_path")"
}

# installed_javas: prints the JDKs in the directories where distributions, macOS and common tools install them, one per line.
installed_javas() {
    for home in "$HOME"/.jdks/* "$HOME"/.m2/jdks/* "$HOME"/.sdkman/candidates/java/* "$HOME"/.gradle/jdks/* "$HOME"/.jbang/cache/jdks/* \
        "$HOME"/.asdf/installs/java/* "$HOME"/.local/share/mise/installs/java/* \
        /usr/lib/jvm/* /usr/lib64/jvm/* /usr/java/* /usr/local/java/* /opt/java/* /opt/jdk* /opt/homebrew/opt/openjdk* /usr/local/opt/openjdk* \
        "$HOME"/Library/Java/JavaVirtualMachines/* /Library/Java/JavaVirtualMachines/*; do
        for candidate in "$home" "$home/Contents/Home" "$home/libexec/openjdk.jdk/Contents/Home"; do
            if [ -x "$candidate/bin/java" ]; then
                printf '%s\n' "$candidate"
            fi
        done
    done
}

# find_java: sets $java_home. KEPT_JAVA_HOME, JAVA_HOME and the PATH come first; of other installed JDKs the oldest supported version is chosen, since
# it is the tested one.
find_java() {
    HOME=${HOME:-/}
    if [ -n "${KEPT_JAVA_HOME-}" ]; then
        suits "$KEPT_JAVA_HOME" || fail "KEPT_JAVA_HOME=$KEPT_JAVA_HOME is not a JDK $oldest_java or newer with the module jdk.incubator.vector"
        java_home=$KEPT_JAVA_HOME
        return
    fi
    for home in "${JAVA_HOME-}" "$(java_of_path)"; do
        if [ -n "$home" ] && suits "$home"; then
            java_home=$home
            return
        fi
    done
    java_home=
    best=
    while IFS= read -r home; do
        if suits "$home" && { [ -z "$best" ] || [ "$found_major" -lt "$best" ]; }; then
            java_home=$home
            best=$found_major
        fi
    done <<EOF
$(installed_javas)
EOF
    [ -n "$java_home" ] || fail "no Java $oldest_java or newer found.
  looked in: KEPT_JAVA_HOME, JAVA_HOME, the PATH, ~/.jdks, SDKMAN, Gradle, jbang, asdf, mise, /usr/lib/jvm, /usr/java, /opt, Homebrew, /Library/Java
  remedy: install a JDK $oldest_java (https://adoptium.net, 'sdk install java 25-tem', or your distribution's package), or set KEPT_JAVA_HOME to one"
}

# outdated JAR MODULE...: succeeds if the jar is missing or older than a source of the modules.
outdated() {
    jar=$1
    shift
    [ -f "$jar" ] || return 0
    [ -n "$(for module in "$@"; do
        find "$root/pom.xml" "$root/$module/pom.xml" "$root/$module/src/main" -newer "$jar" -print
    done | head -n 1)" ]
}

# build_if_outdated JAR MODULE...: packages the modules, the last of which builds the jar, if the jar is outdated. It skips tests and quality gates,
# which mvn verify runs.
build_if_outdated() {
    outdated "$@" || return 0
    for target in "$@"; do :; done
    command -v mvn >/dev/null || fail "not built yet, and there is no Maven on the PATH to build it: install Maven 3.8.7 or newer"
    mkdir -p "$root/$target/target"
    (
        # Of two programs started at the same time only one builds.
        if command -v flock >/dev/null; then
            flock 9
            outdated "$@" || exit 0
        fi
        printf '%s: building (the first time Maven fetches libraries, which takes a minute) ...\n' "$program" >&2
        cd "$root"
        if [ -z "${JAVA_HOME-}" ] && ! command -v java >/dev/null; then
            export JAVA_HOME="$java_home"
        fi
        # Maven's search for a JDK reads every variable JAVA..._HOME, so this one passes on the JDK found here.
        JAVA_FOR_KEPT_HOME=$java_home MAVEN_OPTS="${MAVEN_OPTS-} -Djansi.noreset=true" mvn -q -B -Dmaven.test.skip=true -Dkept.quick -pl "$target" -am package </dev/null >&2
    ) 9>"$root/$target/target/lock" || fail "the build failed; 'mvn -B verify' in $root shows more"
}

# The JVM's options, for programs and benchmarks alike. Tensors are off-heap, and heap objects are small and short-lived, so a small young
# generation suffices. Messages of the JVM go to standard error, since standard output carries the program's results. A mismatched class data sharing
# archive only costs time, so its warnings are off.
java_options='-XX:+UseParallelGC -Xmn64m -XX:+DisplayVMOutputToStderr -Xlog:disable -Xlog:all=warning,cds*=off,aot*=off:stderr'
# The arrays that kernels pack operands in are on the heap: in huge pages, as tensors are, where the system lets programs request them.
huge_pages=/sys/kernel/mm/transparent_hugepage/enabled
if [ -r "$huge_pages" ] && ! grep -q '\[never\]' "$huge_pages"; then
    java_options="$java_options -XX:+UseTransparentHugePages"
fi

# find_class_archive MODULES MAIN ARGUMENTS...: sets $class_archive to a class data sharing (CDS) archive of the classes that MAIN loads with these
# arguments, which shortens startup; empty if there is none. It is created once for each build and JDK, in the parent directory of the modules.
# Without a usable archive the JVM loads the classes from their jars, which only costs time.
find_class_archive() {
    class_archive=
    [ -f "$java_home/release" ] || return 0
    jars=$1
    main=$2
    shift 2
    beside=$(dirname -- "$jars")
    # The name also depends on the directory: an archive refers to the jars by path, so a copy of the tree must not use the original's.
    file=$beside/classes-$({ cat "$java_home/release"; printf '%s\n' "$jars"; } | cksum | tr -cd '0-9').jsa
    if [ -w "$beside" ] && { [ ! -e "$file" ] || [ -n "$(find "$jars" -newer "$file" | head -n 1)" ]; }; then
        # Programs started at the same time each create an archive, and the last one stays. An empty file records a failure, which is not retried.
        # shellcheck disable=SC2086 # options are separated by spaces
        (
            "$java_home/bin/java" $java_options -XX:ArchiveClassesAtExit="$file.$$" --module-path "$jars" --module "$main" "$@" || : >"$file.$$"
            [ -e "$file.$$" ] || : >"$file.$$"
            mv -f "$file.$$" "$file"
        ) </dev/null >/dev/null 2>&1 || :
    fi
    if [ -s "$file" ] && [ -r "$file" ]; then
        class_archive=$file
    fi
}

# charmap_is_unicode: succeeds if the current locale is installed and uses UTF-8. For a locale that is not installed, locale prints C's charmap.
charmap_is_unicode() {
    case $(locale charmap 2>/dev/null) in
        UTF-8 | utf-8 | UTF8 | utf8) return 0 ;;
        *) return 1 ;;
    esac
}

# use_unicode: switches from an ASCII locale to a UTF-8 one. Java encodes its output, the command line and file names in the charmap of the locale; in
# the C locale all but ASCII would be lost. A locale with any other charmap is kept.
use_unicode() {
    if ! command -v locale >/dev/null 2>&1; then
        case ${LC_ALL:-${LC_CTYPE:-${LANG:-C}}} in
            C | POSIX) export LC_ALL=C.UTF-8 ;;
        esac
        return 0
    fi
    case $(locale charmap 2>/dev/null) in
        ANSI_X3.4-1968 | US-ASCII | ASCII | 646 | '') ;;
        *) return 0 ;;
    esac
    former=${LC_ALL-}
    for candidate in C.UTF-8 C.utf8 en_US.UTF-8 $(locale -a 2>/dev/null | grep -i 'utf-\{0,1\}8$' | head -n 1); do
        # A shell may print a warning about a locale that is not installed.
        if (export LC_ALL="$candidate" && charmap_is_unicode) 2>/dev/null; then
            export LC_ALL="$candidate"
            return 0
        fi
    done
    # Without a UTF-8 locale, at least Java's own encodings are set.
    [ -z "$former" ] || export LC_ALL="$former"
    java_options="$java_options -Dsun.jnu.encoding=UTF-8 -Dstdin.encoding=UTF-8 -Dstdout.encoding=UTF-8 -Dstderr.encoding=UTF-8"
}
