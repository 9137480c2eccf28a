package kept.cuda.virtual;

import java.util.LinkedHashMap;
import java.util.Map;
import kept.cuda.virtual.PtxModule.Space;
import kept.cuda.virtual.PtxModule.Variable;

/** Allocates the variables of a module in device and constant memory. */
final class DeviceVariables {
    private DeviceVariables() {}

    /** Allocates and initializes each variable; without an initializer it is zero. */
    static Map<String, Allocation> allocate(PtxModule module, DeviceMemory memory) {
        var map = new LinkedHashMap<String, Allocation>();
        var variables = new java.util.ArrayList<Variable>(module.variables());
        module.functions().values().forEach(function -> variables.addAll(function.variables()));
        variables.removeIf(v -> v.space() != Space.GLOBAL && v.space() != Space.CONST);
        for (Variable variable : variables) {
            Allocation allocation = memory.allocate("variable " + variable.name(), Math.max(variable.bytes(), 1));
            if (allocation == null) {
                throw new PtxException(module.file(), 1, "out of memory for the variable " + variable.name());
            }
            allocation.set(0, allocation.size, (byte) 0);
            if (variable.initial() != null) {
                allocation.write(0, variable.initial());
            }
            map.put(variable.name(), allocation);
        }
        for (Variable variable : variables) {
            variable.pointers().forEach((at, name) -> {
                Allocation target = map.get(name);
                if (target == null) {
                    throw new PtxException(module.file(), 1, "the initial value of " + variable.name() + " is the address of unknown " + name);
                }
                byte[] pointer = map.get(variable.name()).read(at, Long.BYTES);
                Bytes.putLong(pointer, 0, Bytes.getLong(pointer, 0) + target.base);
                map.get(variable.name()).write(at, pointer);
            });
        }
        return map;
    }
}
