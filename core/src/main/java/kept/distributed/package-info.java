/**
 * Several processes that work on one task: {@link kept.distributed.Communicator} carries tensors between them and adds tensors up, {@link
 * kept.distributed.Division} and {@link kept.distributed.Leaves} say which rank has which part of a tensor and which terms of a sum, and {@link
 * kept.distributed.TreeSum} adds the terms of one process. {@link kept.distributed.SharedItems} divides independent items of work. {@link
 * kept.distributed.DividedTensors} are tensors of which each rank keeps a part, gathered in the order that a {@link kept.distributed.UseOrder} has
 * learnt, and {@link kept.distributed.DividedSum} is such a sum.
 *
 * <p><b>The order of additions.</b> Every sum is one binary tree over its terms, the leaves: {@code ((0+1)+(2+3))+...}. A subtree without leaves is
 * no operand, so that {@code (0+1)+2} is the sum of three. Each rank has a subtree, the tree continues over the ranks, and the bits of a sum depend
 * on the number of leaves alone, not on the number of ranks. Engines' own reductions promise that for one rank count and one algorithm only, so they
 * are used only {@linkplain kept.distributed.Communicator#summingEngine where asked for}; all other collective operations are built here, on messages
 * between two ranks.
 *
 * <p>What carries the messages is behind {@link kept.distributed.Transport}, and between devices behind {@link
 * kept.distributed.DeviceLink}. The package contains no engine, and nothing about models or training.
 */
package kept.distributed;
