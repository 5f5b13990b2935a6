using ILGPU;

namespace StragglerGuard.Ilgpu.Kernels;

/// <summary>
/// C ← α·op(A)·op(B) + β·C. A group computes a tile of C: it brings slices of A and B into shared memory, a few columns deep, and each of
/// its threads sums eight by eight elements in registers.
/// </summary>
/// <remarks>
/// A thread's rows and columns lie a group's width apart, so that neighbours read and write neighbouring addresses. The order of the sums
/// depends on the shape alone: the same input gives the same bits.
/// </remarks>
internal static class GemmKernel
{
    public static void Run<T, TArithmetic>(ArrayView<T> a, ArrayView<T> b, ArrayView<T> c, T alpha, T beta, GemmShape shape)
        where T : unmanaged
        where TArithmetic : struct, IArithmetic<T>
    {
        ArrayView<T> sliceA = SharedMemory.Allocate<T>(GemmShape.Depth * (GemmShape.TileMax + GemmShape.Padding));
        ArrayView<T> sliceB = SharedMemory.Allocate<T>(GemmShape.Depth * (GemmShape.TileMax + GemmShape.Padding));
        int threadColumns = 1 << shape.ThreadColumnsShift;
        int threadRows = 1 << shape.ThreadRowsShift;
        int column = Group.IdxX & (threadColumns - 1);
        int row = Group.IdxX >> shape.ThreadColumnsShift;
        int firstRow = Grid.IdxX / shape.TileColumns * (threadRows * GemmShape.PerThread);
        int firstColumn = Grid.IdxX % shape.TileColumns * (threadColumns * GemmShape.PerThread);
        int pitchA = (threadRows * GemmShape.PerThread) + GemmShape.Padding;
        int pitchB = (threadColumns * GemmShape.PerThread) + GemmShape.Padding;
        Octet<T> sum0 = default, sum1 = default, sum2 = default, sum3 = default;
        Octet<T> sum4 = default, sum5 = default, sum6 = default, sum7 = default;

        for (int depth = 0; depth < shape.K; depth += GemmShape.Depth)
        {
            Load(a, sliceA, pitchA, shape.ThreadRowsShift + 3, firstRow, shape.M, shape.RowStrideA, depth, shape.K, shape.DepthStrideA, shape.GroupSize);
            Load(b, sliceB, pitchB, shape.ThreadColumnsShift + 3, firstColumn, shape.N, shape.ColumnStrideB, depth, shape.K, shape.DepthStrideB, shape.GroupSize);
            Group.Barrier();
            for (int d = 0; d < GemmShape.Depth; d++)
            {
                Octet<T> factors = Read(sliceA, (d * pitchA) + row, threadRows);
                Octet<T> across = Read(sliceB, (d * pitchB) + column, threadColumns);
                sum0 = Octet<T>.MultiplyAdd<TArithmetic>(sum0, factors.E0, across);
                sum1 = Octet<T>.MultiplyAdd<TArithmetic>(sum1, factors.E1, across);
                sum2 = Octet<T>.MultiplyAdd<TArithmetic>(sum2, factors.E2, across);
                sum3 = Octet<T>.MultiplyAdd<TArithmetic>(sum3, factors.E3, across);
                sum4 = Octet<T>.MultiplyAdd<TArithmetic>(sum4, factors.E4, across);
                sum5 = Octet<T>.MultiplyAdd<TArithmetic>(sum5, factors.E5, across);
                sum6 = Octet<T>.MultiplyAdd<TArithmetic>(sum6, factors.E6, across);
                sum7 = Octet<T>.MultiplyAdd<TArithmetic>(sum7, factors.E7, across);
            }

            Group.Barrier();
        }

        int atRow = firstRow + row;
        int atColumn = firstColumn + column;
        WriteRow<T, TArithmetic>(c, atRow, atColumn, threadColumns, sum0, alpha, beta, shape);
        WriteRow<T, TArithmetic>(c, atRow + threadRows, atColumn, threadColumns, sum1, alpha, beta, shape);
        WriteRow<T, TArithmetic>(c, atRow + (2 * threadRows), atColumn, threadColumns, sum2, alpha, beta, shape);
        WriteRow<T, TArithmetic>(c, atRow + (3 * threadRows), atColumn, threadColumns, sum3, alpha, beta, shape);
        WriteRow<T, TArithmetic>(c, atRow + (4 * threadRows), atColumn, threadColumns, sum4, alpha, beta, shape);
        WriteRow<T, TArithmetic>(c, atRow + (5 * threadRows), atColumn, threadColumns, sum5, alpha, beta, shape);
        WriteRow<T, TArithmetic>(c, atRow + (6 * threadRows), atColumn, threadColumns, sum6, alpha, beta, shape);
        WriteRow<T, TArithmetic>(c, atRow + (7 * threadRows), atColumn, threadColumns, sum7, alpha, beta, shape);
    }

    /// <summary>Brings a slice into shared memory, depth by depth; what lies outside the matrix is zero.</summary>
    private static void Load<T>(
        ArrayView<T> matrix, ArrayView<T> slice, int pitch, int widthShift, int first, int count, int stride, int depth, int depths, int depthStride, int groupSize)
        where T : unmanaged
    {
        int width = 1 << widthShift;
        for (int e = Group.IdxX; e < width * GemmShape.Depth; e += groupSize)
        {
            // Neighbouring threads read neighbouring addresses: along the depth, or across it.
            bool isAlongDepth = depthStride == 1;
            int d = isAlongDepth ? e & (GemmShape.Depth - 1) : e >> widthShift;
            int i = isAlongDepth ? e >> GemmShape.DepthShift : e & (width - 1);
            T value = default;
            if (first + i < count && depth + d < depths)
            {
                value = matrix[((long)(first + i) * stride) + ((long)(depth + d) * depthStride)];
            }

            slice[(d * pitch) + i] = value;
        }
    }

    private static Octet<T> Read<T>(ArrayView<T> slice, int at, int stride)
        where T : unmanaged
    {
        Octet<T> read;
        read.E0 = slice[at];
        read.E1 = slice[at + stride];
        read.E2 = slice[at + (2 * stride)];
        read.E3 = slice[at + (3 * stride)];
        read.E4 = slice[at + (4 * stride)];
        read.E5 = slice[at + (5 * stride)];
        read.E6 = slice[at + (6 * stride)];
        read.E7 = slice[at + (7 * stride)];
        return read;
    }

    private static void WriteRow<T, TArithmetic>(
        ArrayView<T> c, int row, int column, int stride, Octet<T> sums, T alpha, T beta, GemmShape shape)
        where T : unmanaged
        where TArithmetic : struct, IArithmetic<T>
    {
        if (row < shape.M)
        {
            Write<T, TArithmetic>(c, row, column, sums.E0, alpha, beta, shape);
            Write<T, TArithmetic>(c, row, column + stride, sums.E1, alpha, beta, shape);
            Write<T, TArithmetic>(c, row, column + (2 * stride), sums.E2, alpha, beta, shape);
            Write<T, TArithmetic>(c, row, column + (3 * stride), sums.E3, alpha, beta, shape);
            Write<T, TArithmetic>(c, row, column + (4 * stride), sums.E4, alpha, beta, shape);
            Write<T, TArithmetic>(c, row, column + (5 * stride), sums.E5, alpha, beta, shape);
            Write<T, TArithmetic>(c, row, column + (6 * stride), sums.E6, alpha, beta, shape);
            Write<T, TArithmetic>(c, row, column + (7 * stride), sums.E7, alpha, beta, shape);
        }
    }

    private static void Write<T, TArithmetic>(ArrayView<T> c, int row, int column, T sum, T alpha, T beta, GemmShape shape)
        where T : unmanaged
        where TArithmetic : struct, IArithmetic<T>
    {
        if (column < shape.N)
        {
            TArithmetic arithmetic = default;
            long at = ((long)row * shape.N) + column;
            T result = arithmetic.Multiply(alpha, sum);
            if (shape.IsBetaZero == 0)
            {
                result = arithmetic.Add(result, arithmetic.Multiply(beta, c[at]));
            }

            c[at] = result;
        }
    }
}
