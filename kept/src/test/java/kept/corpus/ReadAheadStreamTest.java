package kept.corpus;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Decompressing in a thread beside the one that reads. */
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class ReadAheadStreamTest {
    private static final int LARGE = 5_000_000;
    /** The most bytes of text that can have been decompressed when the first chunk of the thread is read: those, the waiting, the one in making. */
    private static final int HELD = ReadAheadStream.ALONE + (ReadAheadStream.CHUNKS + 3) * ReadAheadStream.CHUNK;

    @Test
    void bytesAndPositionsAreThoseOfOneThread() throws IOException {
        for (int size : new int[] {0, 1, ReadAheadStream.CHUNK, ReadAheadStream.ALONE - 1, ReadAheadStream.ALONE, ReadAheadStream.ALONE + 1, LARGE}) {
            byte[] text = text(size);
            byte[] file = gzip(text);
            try (var alone = new GzipStream(new ByteArrayInputStream(file)); var ahead = open(file)) {
                byte[] expected = new byte[ReadAheadStream.CHUNK];
                byte[] actual = new byte[ReadAheadStream.CHUNK];
                int read = 0;
                while (read >= 0) {
                    read = alone.read(expected);
                    assertThat(ahead.read(actual)).as("of %d bytes", size).isEqualTo(read);
                    assertThat(actual).isEqualTo(expected);
                    assertThat(ahead.position()).isEqualTo(alone.position());
                }
                assertThat(ahead.read()).isEqualTo(-1);
                assertThat(ahead.position()).isEqualTo(file.length);
            }
            try (var odd = open(file)) {
                assertThat(odd.readNBytes(size / 3)).isEqualTo(Arrays.copyOf(text, size / 3));
                assertThat(odd.readAllBytes()).isEqualTo(Arrays.copyOfRange(text, size / 3, size));
            }
        }
    }

    @Test
    void anErrorComesBehindTheTextBeforeItAndEachTime() throws IOException {
        byte[] text = text(ReadAheadStream.ALONE + (ReadAheadStream.CHUNKS - 2) * ReadAheadStream.CHUNK);
        byte[] file = gzip(text);
        byte[] cut = Arrays.copyOf(file, file.length - 3);
        byte[] damaged = file.clone();
        damaged[file.length - 6] ^= 1;
        byte[] appended = Arrays.copyOf(file, file.length + 1);
        appended[file.length] = '{';
        List<String> messages = List.of("ends in the middle", "is damaged: its content does not have its checksum", "what follows at byte");
        List<byte[]> files = List.of(cut, damaged, appended);
        for (int i = 0; i < files.size(); i++) {
            String message = messages.get(i);
            try (var ahead = open(files.get(i))) {
                List<Thread> before = threads();
                assertThat(ahead.readNBytes(ReadAheadStream.ALONE + 1)).isEqualTo(Arrays.copyOf(text, ReadAheadStream.ALONE + 1));
                // The thread has met the error before the text is read that comes before it.
                while (!before.containsAll(threads())) {
                    Thread.onSpinWait();
                }
                assertThat(ahead.readNBytes(text.length - ReadAheadStream.ALONE - 1))
                        .isEqualTo(Arrays.copyOfRange(text, ReadAheadStream.ALONE + 1, text.length));
                for (int again = 0; again < 2; again++) {
                    assertThatThrownBy(ahead::read).isInstanceOf(IOException.class).hasMessageContaining(message);
                }
            }
        }
    }

    @Test
    void whatTheFileThrowsIsThrownToTheReader() throws IOException {
        byte[] file = gzip(text(LARGE));
        for (Throwable thrown : List.of(new IOException("disk"), new CorpusException("archive"), new InternalError("mapped"))) {
            try (var ahead = new ReadAheadStream(new GzipStream(new Watched(file, () -> sneak(thrown))))) {
                assertThatThrownBy(ahead::readAllBytes).isSameAs(thrown);
            }
        }
    }

    @Test
    void aSmallFileIsReadByTheCallerAloneAndALargeOneIsNot() throws IOException {
        Set<Thread> readers = ConcurrentHashMap.newKeySet();
        for (int size : new int[] {1000, ReadAheadStream.ALONE - 1}) {
            byte[] file = gzip(text(size));
            var source = new Watched(file, () -> { }) {
                @Override
                public int read(byte[] target, int from, int count) {
                    readers.add(Thread.currentThread());
                    return super.read(target, from, count);
                }
            };
            try (var ahead = new ReadAheadStream(new GzipStream(source))) {
                assertThat(ahead.readNBytes(size)).hasSize(size);
            }
            assertThat(readers).as("%d bytes", size).containsExactly(Thread.currentThread());
        }
        var large = new Watched(gzip(text(LARGE)), () -> readers.add(Thread.currentThread()));
        try (var ahead = new ReadAheadStream(new GzipStream(large))) {
            assertThat(ahead.readAllBytes()).hasSize(LARGE);
        }
        assertThat(readers).hasSize(2);
    }

    @Test
    void noMoreIsReadThanFitsAndClosingEndsTheThread() throws Exception {
        var source = new Watched(gzip(text(LARGE)), () -> { });
        Thread thread;
        try (var ahead = new ReadAheadStream(new GzipStream(source))) {
            List<Thread> before = threads();
            assertThat(ahead.readNBytes(ReadAheadStream.ALONE + ReadAheadStream.CHUNK)).hasSize(ReadAheadStream.ALONE + ReadAheadStream.CHUNK);
            thread = threads().stream().filter(other -> !before.contains(other)).findFirst().orElseThrow();
            while (thread.getState() != Thread.State.WAITING && thread.getState() != Thread.State.TERMINATED) {
                Thread.onSpinWait();
            }
            assertThat(thread.getState()).isEqualTo(Thread.State.WAITING);
            assertThat(thread.isDaemon()).isTrue();
            assertThat(source.taken).as("bytes of the file, which are fewer than those of the text").isLessThan(HELD);
        }
        assertThat(thread.isAlive()).isFalse();
        assertThat(source.closed).isTrue();
    }

    @Test
    void anInterruptEndsTheWait() throws Exception {
        var blocked = new CountDownLatch(1);
        var release = new CountDownLatch(1);
        var source = new Watched(gzip(text(LARGE)), () -> {
            blocked.countDown();
            await(release);
        });
        try (var ahead = new ReadAheadStream(new GzipStream(source))) {
            Thread reader = Thread.currentThread();
            Thread interrupter = Thread.ofPlatform().start(() -> {
                await(blocked);
                reader.interrupt();
            });
            try {
                assertThatThrownBy(ahead::readAllBytes).isInstanceOf(InterruptedIOException.class).hasMessage("reading was interrupted");
                assertThat(Thread.interrupted()).isTrue();
                interrupter.join();
            } finally {
                // Closing waits for the thread, also if this fails.
                release.countDown();
            }
        }
    }

    private static ReadAheadStream open(byte[] file) throws IOException {
        return new ReadAheadStream(new GzipStream(new ByteArrayInputStream(file)));
    }

    private static void await(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    @SuppressWarnings("unchecked")
    private static <T extends Throwable> void sneak(Throwable thrown) throws T {
        throw (T) thrown;
    }

    private static List<Thread> threads() {
        return Thread.getAllStackTraces().keySet().stream().filter(thread -> thread.getName().equals(ReadAheadStream.THREAD)).toList();
    }

    private static byte[] text(int size) {
        var random = new Random(size);
        byte[] text = new byte[size];
        for (int i = 0; i < size; i++) {
            text[i] = (byte) Character.forDigit(random.nextInt(16), 16);
        }
        return text;
    }

    private static byte[] gzip(byte[] text) throws IOException {
        var bytes = new ByteArrayOutputStream();
        try (var gzip = new GZIPOutputStream(bytes)) {
            gzip.write(text);
        }
        return bytes.toByteArray();
    }

    /** A file of which it is known how much was read, and where something happens in the middle. */
    private static class Watched extends ByteArrayInputStream {
        private final Runnable middle;
        private volatile int taken;
        private volatile boolean closed;

        Watched(byte[] bytes, Runnable middle) {
            super(bytes);
            this.middle = middle;
        }

        @Override
        public int read(byte[] target, int from, int count) {
            int read = super.read(target, from, count);
            taken += Math.max(0, read);
            if (taken > buf.length / 2) {
                middle.run();
            }
            return read;
        }

        @Override
        public void close() {
            closed = true;
        }
    }
}
