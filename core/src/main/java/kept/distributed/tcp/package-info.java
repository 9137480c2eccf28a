/**
 * Messages by TCP, for ranks without an MPI library: rank 0 writes where it is reached into a file that all ranks see, the rendezvous, and each two
 * ranks then have two connections, one for messages and one for what must be heard at any time: that a rank lives, has failed or has ended.
 *
 * <p>It is made for orders and token ids, and for tensors where nothing faster is at hand.
 */
package kept.distributed.tcp;
