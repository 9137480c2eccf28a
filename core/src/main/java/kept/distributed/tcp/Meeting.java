package kept.distributed.tcp;

import java.io.IOException;
import java.nio.channels.SocketChannel;
import java.util.List;

/**
 * The connections of one rank to all others.
 *
 * @param rank this rank
 * @param machines what tells the machine of each rank from others
 * @param data a connection for messages to each rank; null to itself
 * @param background another one, for a second thread; null to itself
 * @param control a connection for what must be heard at any time to each rank; null to itself
 */
record Meeting(int rank, List<Long> machines, SocketChannel[] data, SocketChannel[] background, SocketChannel[] control) {
    int size() {
        return machines.size();
    }

    int localRank() {
        return (int) machines.subList(0, rank).stream().filter(machines.get(rank)::equals).count();
    }

    int localSize() {
        return (int) machines.stream().filter(machines.get(rank)::equals).count();
    }

    void close() {
        for (int peer = 0; peer < size(); peer++) {
            close(data[peer]);
            close(background[peer]);
            close(control[peer]);
        }
    }

    static void close(SocketChannel channel) {
        if (channel != null) {
            try {
                channel.close();
            } catch (IOException e) {
                // It is of no more use.
            }
        }
    }
}
