// Compiled once for each instruction set, with its own SF_NAMESPACE and compiler flags.
#include "kernels.hpp"

#include "dual_direction.hpp"
#include "dual_mlp.hpp"
#include "elementwise.hpp"
#include "matmul.hpp"
#include "vectors.hpp"

#define SF_STRING_(x) #x
#define SF_STRING(x) SF_STRING_(x)
#define SF_TABLE_(x) kernels_##x
#define SF_TABLE(x) SF_TABLE_(x)

extern "C" const Kernels SF_TABLE(SF_NAMESPACE);
extern "C" const Kernels SF_TABLE(SF_NAMESPACE) = {
    SF_STRING(SF_NAMESPACE),
    SF_NAMESPACE::block,
    SF_NAMESPACE::lanes,
    SF_NAMESPACE::blocks_together,
    SF_NAMESPACE::forward_scratch,
    SF_NAMESPACE::forward_blocks,
    SF_NAMESPACE::backward_scratch,
    SF_NAMESPACE::transposed_size,
    SF_NAMESPACE::backward_blocks,
    SF_NAMESPACE::keeps_panels,
    SF_NAMESPACE::gradient_tasks,
    SF_NAMESPACE::gradient_task,
    SF_NAMESPACE::direction_scratch,
    SF_NAMESPACE::direction_block,
    SF_NAMESPACE::matrix_scratch,
    SF_NAMESPACE::multiply_task,
    SF_NAMESPACE::linear_combination,
    SF_NAMESPACE::squared_error,
    SF_NAMESPACE::row_dots,
    SF_NAMESPACE::scale_rows,
    SF_NAMESPACE::adam_update,
    SF_NAMESPACE::unary,
    SF_NAMESPACE::affine,
    SF_NAMESPACE::binary,
    SF_NAMESPACE::choose,
    SF_NAMESPACE::sum_middle,
    SF_NAMESPACE::extreme,
    SF_NAMESPACE::peak,
};
