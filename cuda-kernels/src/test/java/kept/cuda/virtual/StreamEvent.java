package kept.cuda.virtual;

/** An event: the stream it was last recorded on, and the time at which it completed. */
final class StreamEvent {
    long stream;
    boolean reached = true;
    long nanos;
    /** How often it has been recorded, and how many of these times have been reached. */
    volatile long recorded;
    volatile long passed;
}
