package kept.distributed.tcp;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.NetworkInterface;
import java.net.SocketTimeoutException;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import kept.distributed.RankException;

/**
 * How ranks find each other. Rank 0 listens, writes its addresses and a secret into the file, and takes the connections of all others; it then tells
 * each where the others listen, and they connect to each other. A file that an earlier job has left leads nowhere, and rank 0 replaces it.
 */
final class Rendezvous {
    private static final long MAGIC = 0x6b65707452616e6bL;
    private static final String FIRST_LINE = "kept ranks 2";
    private static final int DATA = 0;
    private static final int CONTROL = 1;
    private static final int BACKGROUND = 2;
    private static final int CONNECT_MILLIS = 2000;
    private static final int HELLO_MILLIS = 5000;
    private static final long PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(20);
    private static final String BOOT = "/proc/sys/kernel/random/boot_id";

    private final Path file;
    private final int rank;
    private final int size;
    private final long timeoutNanos;
    private final long start = System.nanoTime();
    private final Meeting meeting;
    private long secret;

    /** Where a rank listens, and its machine. */
    private record Place(InetAddress address, int port, long machine) {}

    /**
     * Prepares a meeting.
     *
     * @param file the file that all ranks see
     * @param rank this rank
     * @param size the number of ranks
     * @param timeoutNanos how long it waits for the others
     */
    Rendezvous(Path file, int rank, int size, long timeoutNanos) {
        this.file = file.toAbsolutePath();
        this.rank = rank;
        this.size = size;
        this.timeoutNanos = timeoutNanos;
        meeting = new Meeting(rank, new ArrayList<>(), new SocketChannel[size], new SocketChannel[size], new SocketChannel[size]);
    }

    /**
     * Meets the other ranks.
     *
     * @return the connections to them
     * @throws RankException if they do not come in time, or cannot work together
     */
    Meeting meet() {
        try (ServerSocketChannel listener = ServerSocketChannel.open().bind(new InetSocketAddress(0))) {
            int port = ((InetSocketAddress) listener.getLocalAddress()).getPort();
            if (rank == 0) {
                lead(listener, port);
            } else {
                join(listener, port);
            }
            return meeting;
        } catch (IOException e) {
            meeting.close();
            throw new RankException("[ranks] the rendezvous %s of rank %d fails: %s".formatted(file, rank, reason(e)), e);
        } catch (RuntimeException | Error e) {
            meeting.close();
            throw e;
        }
    }

    private static String reason(IOException e) {
        return e instanceof NoSuchFileException ? "no such directory" : e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
    }

    private void lead(ServerSocketChannel listener, int port) throws IOException {
        read(); // Refuses a file that is something else.
        secret = new SecureRandom().nextLong();
        var places = new Place[size];
        places[0] = new Place(InetAddress.getLoopbackAddress(), port, machine());
        write(port);
        try {
            accept(listener, IntStream.range(1, size).boxed().toList(), places);
        } finally {
            Files.deleteIfExists(file);
        }
        for (int peer = 1; peer < size; peer++) {
            var out = new DataOutputStream(meeting.data()[peer].socket().getOutputStream());
            for (Place place : places) {
                byte[] address = place.address.getAddress();
                out.writeInt(address.length);
                out.write(address);
                out.writeInt(place.port);
                out.writeLong(place.machine);
            }
            out.flush();
        }
        Arrays.stream(places).forEach(place -> meeting.machines().add(place.machine));
    }

    /** The file appears complete or not at all. */
    private void write(int port) throws IOException {
        List<String> addresses = new ArrayList<>();
        NetworkInterface.networkInterfaces().flatMap(NetworkInterface::inetAddresses)
                .filter(address -> !address.isLoopbackAddress() && !address.isLinkLocalAddress()).map(InetAddress::getHostAddress)
                .sorted((a, b) -> Boolean.compare(a.contains(":"), b.contains(":"))).forEach(addresses::add);
        addresses.add(InetAddress.getLoopbackAddress().getHostAddress());
        Path part = Files.createTempFile(file.getParent(), file.getFileName() + ".", ".part");
        try {
            Files.write(part, List.of(FIRST_LINE, Long.toHexString(secret), Integer.toString(port), String.join(" ", addresses)));
            Files.move(part, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        } finally {
            Files.deleteIfExists(part);
        }
    }

    private void join(ServerSocketChannel listener, int port) throws IOException {
        meeting.data()[0] = findLeader(port);
        var local = (InetSocketAddress) meeting.data()[0].getRemoteAddress();
        meeting.control()[0] = connect(local, CONTROL, port, true);
        meeting.background()[0] = connect(local, BACKGROUND, port, true);
        var in = new DataInputStream(meeting.data()[0].socket().getInputStream());
        var places = new Place[size];
        for (int peer = 0; peer < size; peer++) {
            // Rank 0 waits for all ranks before it answers.
            byte[] address = new byte[peer == 0 ? awaitInt(in) : in.readInt()];
            in.readFully(address);
            places[peer] = new Place(InetAddress.getByAddress(address), in.readInt(), in.readLong());
            meeting.machines().add(places[peer].machine);
        }
        for (int peer = 1; peer < rank; peer++) {
            var address = new InetSocketAddress(places[peer].address, places[peer].port);
            meeting.data()[peer] = connect(address, DATA, port, true);
            meeting.control()[peer] = connect(address, CONTROL, port, true);
            meeting.background()[peer] = connect(address, BACKGROUND, port, true);
        }
        accept(listener, IntStream.range(rank + 1, size).boxed().toList(), places);
    }

    private int awaitInt(DataInputStream in) throws IOException {
        meeting.data()[0].socket().setSoTimeout(Math.clamp(TimeUnit.NANOSECONDS.toMillis(left()), 1, Integer.MAX_VALUE));
        try {
            return in.readInt();
        } catch (SocketTimeoutException e) {
            throw new RankException("[ranks] not all of the %d ranks have come to the rendezvous %s within %d s".formatted(size, file, seconds()), e);
        } catch (EOFException e) {
            throw new RankException("[ranks] rank 0 has left the rendezvous %s: it has failed, or not all of the %d ranks have come"
                    .formatted(file, size), e);
        }
    }

    /** Looks for rank 0 until it answers. */
    private SocketChannel findLeader(int port) throws IOException {
        while (true) {
            for (InetSocketAddress address : read()) {
                SocketChannel channel = connect(address, DATA, port, false);
                if (channel != null) {
                    return channel;
                }
            }
            if (left() <= 0) {
                throw new RankException(("[ranks] rank 0 has not come to the rendezvous %s within %d s; do all ranks see this file, and does a "
                        + "firewall let them connect?").formatted(file, seconds()));
            }
            pause();
        }
    }

    /** Where rank 0 may be reached; nowhere as long as there is no file that can be read. */
    private List<InetSocketAddress> read() throws IOException {
        List<String> lines;
        try {
            lines = Files.readAllLines(file, StandardCharsets.UTF_8);
        } catch (IOException e) {
            return List.of();
        }
        List<InetSocketAddress> found = new ArrayList<>();
        try {
            if (lines.size() == 4 && lines.getFirst().equals(FIRST_LINE)) {
                secret = Long.parseUnsignedLong(lines.get(1), 16);
                int port = Integer.parseInt(lines.get(2));
                for (String address : lines.get(3).split(" ")) {
                    found.add(new InetSocketAddress(InetAddress.getByName(address), port));
                }
                return found;
            }
        } catch (IllegalArgumentException e) {
            // Reported below.
        }
        throw new RankException("[ranks] %s is no rendezvous of ranks; name another file, which need not exist".formatted(file));
    }

    /** Connects to a rank and says who this is; if it need not be there, null where nobody answers. */
    private SocketChannel connect(InetSocketAddress address, int kind, int port, boolean mustBe) throws IOException {
        SocketChannel channel = SocketChannel.open();
        try {
            channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
            channel.socket().connect(address, CONNECT_MILLIS);
            ByteBuffer hello = ByteBuffer.allocate(40).putLong(MAGIC).putLong(secret).putInt(rank).putInt(size).putInt(kind).putInt(port)
                    .putLong(machine()).flip();
            channel.socket().getOutputStream().write(hello.array());
            channel.socket().setSoTimeout(HELLO_MILLIS);
            if (new DataInputStream(channel.socket().getInputStream()).readLong() == ~secret) {
                channel.socket().setSoTimeout(0);
                return channel;
            }
            throw new IOException("%s answers, but not as a rank of this job".formatted(address));
        } catch (IOException e) {
            Meeting.close(channel);
            if (mustBe) {
                throw e;
            }
            return null;
        }
    }

    /** Takes the connections of other ranks, each of which makes three. */
    private void accept(ServerSocketChannel listener, List<Integer> expected, Place... places) throws IOException {
        listener.configureBlocking(false);
        while (!missing(expected).isEmpty()) {
            SocketChannel channel = listener.accept();
            if (channel != null) {
                welcome(channel, expected, places);
            } else if (left() <= 0) {
                throw new RankException("[ranks] rank %s has not come to the rendezvous %s within %d s".formatted(
                        missing(expected).stream().map(String::valueOf).collect(Collectors.joining(", ")), file, seconds()));
            } else {
                pause();
            }
        }
    }

    private List<Integer> missing(List<Integer> expected) {
        return expected.stream().filter(peer -> Stream.of(meeting.data(), meeting.background(), meeting.control())
                .anyMatch(connections -> connections[peer] == null)).toList();
    }

    private void welcome(SocketChannel channel, List<Integer> expected, Place... places) throws IOException {
        ByteBuffer hello = ByteBuffer.allocate(40);
        try {
            channel.configureBlocking(true);
            channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
            channel.socket().setSoTimeout(HELLO_MILLIS);
            new DataInputStream(channel.socket().getInputStream()).readFully(hello.array());
            channel.socket().setSoTimeout(0);
        } catch (IOException e) {
            Meeting.close(channel);
            return; // Somebody else, who has left.
        }
        if (hello.getLong() != MAGIC || hello.getLong() != secret) {
            Meeting.close(channel);
            return;
        }
        int peer = hello.getInt();
        int ranks = hello.getInt();
        SocketChannel[] kind = switch (hello.getInt()) {
            case DATA -> meeting.data();
            case BACKGROUND -> meeting.background();
            default -> meeting.control();
        };
        if (ranks != size) {
            Meeting.close(channel); // So that it learns at once that it is not wanted.
            throw new RankException("[ranks] rank %d is one of %d, and rank %d one of %d: WORLD_SIZE must be the same".formatted(rank, size, peer,
                    ranks));
        }
        if (!expected.contains(peer) || kind[peer] != null) {
            Meeting.close(channel);
            throw new RankException("[ranks] two processes are rank %d: give each its own RANK".formatted(peer));
        }
        int port = hello.getInt();
        places[peer] = new Place(((InetSocketAddress) channel.getRemoteAddress()).getAddress(), port, hello.getLong());
        kind[peer] = channel;
        channel.socket().getOutputStream().write(ByteBuffer.allocate(Long.BYTES).putLong(~secret).array());
    }

    private long left() {
        return timeoutNanos - (System.nanoTime() - start);
    }

    private long seconds() {
        return Math.ceilDiv(timeoutNanos, TimeUnit.SECONDS.toNanos(1));
    }

    private static void pause() {
        if (Thread.currentThread().isInterrupted()) {
            throw new RankException("[ranks] interrupted while waiting for other ranks");
        }
        LockSupport.parkNanos(PAUSE_NANOS);
    }

    /** What tells this machine from others: its boot, or its name. */
    private static long machine() throws IOException {
        Path boot = Path.of(BOOT);
        String text = Files.isReadable(boot) ? Files.readString(boot) : InetAddress.getLocalHost().getHostName();
        long hash = 7;
        for (int i = 0; i < text.length(); i++) {
            hash = hash * 1_000_003 + text.charAt(i);
        }
        return hash;
    }
}
