# What bin/kept and bin/bench share; sourced, not run. Expects $root, the repository, and $program, the name to complain under.

oldest_java=25

fail() {
    printf '%s: %s\n' "$program" "$*" >&2
    exit 1
}

# java_major HOME: prints the major version of the Java there; fails when there is none, or one without the Vector API.
java_major() {
    [ -x "$1/bin/java" ] && [ -f "$1/release" ] || return 1
    if grep -q '^MODULES=' "$1/release" && ! grep -q '^MODULES=.*jdk\.incubator\.vector' "$1/release"; then
        return 1
    fi
    sed -n 's/^JAVA_VERSION="\([0-9]*\).*/\1/p' "$1/release"
}

# suits HOME: whether the Java there is new enough.
suits() {
    found_major=$(java_major "$1") && [ -n "$found_major" ] && [ "$found_major" -ge "$oldest_java" ]
}

# java_of_path: prints the home of the java on the PATH, symbolic links followed; nothing when there is none.
java_of_path() {
    on_path=$(command -v java) || return 0
    on_path=$(follow "$on_path")
    dirname -- "$(dirname -- "$on_path")"
}

# installed_javas: prints the homes where distributions, macOS and the usual tools install JDKs, one a line.
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

# find_java: sets $java_home. What the user names comes first; among what is only installed, the oldest that suits, the one this is tested with.
find_java() {
    HOME=${HOME:-/}
    if [ -n "${KEPT_JAVA_HOME-}" ]; then
        suits "$KEPT_JAVA_HOME" || fail "KEPT_JAVA_HOME=$KEPT_JAVA_HOME is no Java $oldest_java or newer with the module jdk.incubator.vector"
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

# outdated JAR MODULE...: whether there is no such jar, or a source of the modules is newer.
outdated() {
    jar=$1
    shift
    [ -f "$jar" ] || return 0
    [ -n "$(for module in "$@"; do
        find "$root/pom.xml" "$root/$module/pom.xml" "$root/$module/src/main" -newer "$jar" -print
    done | head -n 1)" ]
}

# build_if_outdated JAR MODULE...: packages the modules, the last of which makes the jar, unless it stands and no source of theirs has changed since.
# Tests and quality gates are left to mvn verify.
build_if_outdated() {
    outdated "$@" || return 0
    for target in "$@"; do :; done
    command -v mvn >/dev/null || fail "not built yet, and there is no Maven on the PATH to build it: install Maven 3.8.7 or newer"
    mkdir -p "$root/$target/target"
    (
        # Two programs started at once build once.
        if command -v flock >/dev/null; then
            flock 9
            outdated "$@" || exit 0
        fi
        printf '%s: building (the first time Maven fetches libraries, which takes a minute) ...\n' "$program" >&2
        cd "$root"
        if [ -z "${JAVA_HOME-}" ] && ! command -v java >/dev/null; then
            export JAVA_HOME="$java_home"
        fi
        # The variable tells Maven's search for a JDK of the one found here.
        JAVA_FOR_KEPT_HOME=$java_home MAVEN_OPTS="${MAVEN_OPTS-} -Djansi.noreset=true" mvn -q -B -Dmaven.test.skip=true -Dkept.quick -pl "$target" -am package </dev/null >&2
    ) 9>"$root/$target/target/lock" || fail "the build failed; 'mvn -B verify' in $root shows more"
}

# Tensors live outside the heap; what is on it is small and short-lived, and a small nursery keeps it so. What the JVM itself has to say goes to
# standard error: standard output is the program's results. An archive of classes that does not fit costs time alone, so nothing is said of it.
java_options='-XX:+UseParallelGC -Xmn64m -XX:+DisplayVMOutputToStderr -Xlog:disable -Xlog:all=warning,cds*=off,aot*=off:stderr'

# find_class_archive MODULES MAIN CHECKPOINT: sets $class_archive, a file of the classes that 'info' needs, parsed and laid out, with which a command
# starts sooner; empty where there is none. It is made once for each build and each Java, in the directory above the modules. One that cannot be
# made, or that the Java refuses, costs nothing but time: the classes come from their jars.
find_class_archive() {
    class_archive=
    [ -f "$java_home/release" ] || return 0
    beside=$(dirname -- "$1")
    # Its name tells of the place too: a copy of the tree must not take that of the original, which names the original's jars.
    file=$beside/classes-$({ cat "$java_home/release"; printf '%s\n' "$1"; } | cksum | tr -cd '0-9').jsa
    if [ -w "$beside" ] && { [ ! -e "$file" ] || [ -n "$(find "$1" -newer "$file" | head -n 1)" ]; }; then
        # Programs started at once each make their own, and the last one stays. An empty file says that making failed, so that it is not tried again.
        # shellcheck disable=SC2086 # the options are split at spaces
        (
            "$java_home/bin/java" $java_options -XX:ArchiveClassesAtExit="$file.$$" --module-path "$1" --module "$2" info "$3" || : >"$file.$$"
            [ -e "$file.$$" ] || : >"$file.$$"
            mv -f "$file.$$" "$file"
        ) </dev/null >/dev/null 2>&1 || :
    fi
    if [ -s "$file" ] && [ -r "$file" ]; then
        class_archive=$file
    fi
}

# charmap_is_unicode: whether the locale that is set is installed and has UTF-8; of one that is not installed, C's charmap is told.
charmap_is_unicode() {
    case $(locale charmap 2>/dev/null) in
        UTF-8 | utf-8 | UTF8 | utf8) return 0 ;;
        *) return 1 ;;
    esac
}

# use_unicode: Java prints, reads the command line and names files in the charmap of the locale; in that of C, all but ASCII would be lost. A locale
# that has another charmap of its own is left as it is.
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
        # A shell that is told of a locale that is not there may complain.
        if (export LC_ALL="$candidate" && charmap_is_unicode) 2>/dev/null; then
            export LC_ALL="$candidate"
            return 0
        fi
    done
    # No locale has it: Java is told at least.
    [ -z "$former" ] || export LC_ALL="$former"
    java_options="$java_options -Dsun.jnu.encoding=UTF-8 -Dstdin.encoding=UTF-8 -Dstdout.encoding=UTF-8 -Dstderr.encoding=UTF-8"
}
