// The Node-API face of the operations. open(instructionSet, threads) gives a function call(operation, numbers, arrays) with a
// Float64Array and a list of Float32Arrays. What does not fit throws a RangeError; nothing outside an array is touched.
#include <node_api.h>

#include <cstdint>
#include <cstring>
#include <exception>
#include <memory>
#include <vector>

#include "machine.hpp"

namespace {

napi_value fail(napi_env env, const char* message) {
  napi_throw_range_error(env, "SPARSEFLOW_NATIVE", message);
  return nullptr;
}

napi_value call(napi_env env, napi_callback_info info) {
  size_t count = 3;
  napi_value values[3];
  void* data;
  napi_get_cb_info(env, info, &count, values, nullptr, &data);
  int32_t operation;
  napi_typedarray_type type;
  size_t number_count;
  void* numbers;
  uint32_t array_count;
  constexpr uint32_t most = 1024;
  float* arrays[most];
  long sizes[most];
  if (count != 3 || napi_get_value_int32(env, values[0], &operation) != napi_ok ||
      napi_get_typedarray_info(env, values[1], &type, &number_count, &numbers, nullptr, nullptr) != napi_ok || type != napi_float64_array ||
      napi_get_array_length(env, values[2], &array_count) != napi_ok || array_count < 1 || array_count > most || number_count > most)
    return fail(env, "give an operation, a Float64Array and a list of Float32Arrays");
  for (uint32_t i = 0; i < array_count; i++) {
    napi_value element;
    size_t size;
    void* memory;
    if (napi_get_element(env, values[2], i, &element) != napi_ok ||
        napi_get_typedarray_info(env, element, &type, &size, &memory, nullptr, nullptr) != napi_ok || type != napi_float32_array)
      return fail(env, "an operand is not a Float32Array");
    arrays[i] = static_cast<float*>(memory);
    sizes[i] = static_cast<long>(size);
  }
  const Call c = {static_cast<const double*>(numbers), static_cast<int>(number_count), arrays, sizes, static_cast<int>(array_count)};
  const Error error = dispatch(operation, *static_cast<Machine*>(data), c);
  return error ? fail(env, error) : nullptr;
}

// Machines are few (instruction sets × numbers of threads in use) and live as long as the environment: equal ones are shared.
using Machines = std::vector<std::unique_ptr<Machine>>;

// open(instructionSet, threads): the call function, with the number of threads that the system has granted, or undefined when this computer
// lacks the instruction set.
napi_value open(napi_env env, napi_callback_info info) {
  size_t count = 2;
  napi_value values[2];
  void* data;
  napi_get_cb_info(env, info, &count, values, nullptr, &data);
  char name[32] = "";
  size_t length;
  int32_t threads = 0;
  if (count != 2 || napi_get_value_string_utf8(env, values[0], name, sizeof name, &length) != napi_ok ||
      napi_get_value_int32(env, values[1], &threads) != napi_ok || threads < 1 || threads > 256)
    return fail(env, "open: give an instruction set and 1 to 256 threads");
  for (const Kernels* k : usable()) {
    if (std::strcmp(k->name, name) != 0) continue;
    Machines& machines = *static_cast<Machines*>(data);
    Machine* machine = nullptr;
    for (auto& m : machines)
      if (m->is(*k, threads)) machine = m.get();
    try {
      if (!machine) machine = machines.emplace_back(std::make_unique<Machine>(*k, threads)).get();
    } catch (const std::exception&) {
      return fail(env, no_memory);
    }
    napi_value function, running;
    napi_create_function(env, "call", NAPI_AUTO_LENGTH, call, machine, &function);
    napi_create_int32(env, machine->threads(), &running);
    napi_set_named_property(env, function, "threads", running);
    return function;
  }
  return nullptr;
}

napi_value instruction_sets(napi_env env, napi_callback_info) {
  napi_value list;
  napi_create_array(env, &list);
  uint32_t i = 0;
  for (const Kernels* k : usable()) {
    napi_value name;
    napi_create_string_utf8(env, k->name, NAPI_AUTO_LENGTH, &name);
    napi_set_element(env, list, i++, name);
  }
  return list;
}

}  // namespace

NAPI_MODULE_INIT() {
  auto* machines = new Machines;
  // Joins the helper threads before the environment (a worker's, or the process's) goes away.
  napi_add_env_cleanup_hook(env, [](void* data) { delete static_cast<Machines*>(data); }, machines);
  const struct {
    const char* name;
    napi_callback call;
  } functions[] = {{"open", open}, {"instructionSets", instruction_sets}};
  for (const auto& f : functions) {
    napi_value function;
    napi_create_function(env, f.name, NAPI_AUTO_LENGTH, f.call, machines, &function);
    napi_set_named_property(env, exports, f.name, function);
  }
  napi_value version;
  napi_create_int32(env, interface_version, &version);
  napi_set_named_property(env, exports, "interfaceVersion", version);
  return exports;
}
