using StragglerGuard.Collectives.Devices;

namespace StragglerGuard.Ilgpu.Kernels;

/// <summary>What a product's kernel needs to know of its matrices and of its own tiles. A power of two travels as its exponent.</summary>
internal struct GemmShape
{
    /// <summary>Rows and columns that each thread computes.</summary>
    public const int PerThread = 8;

    /// <summary>Depth of a tile: columns of op(A) that are in shared memory at a time.</summary>
    public const int Depth = 8;

    /// <summary>Exponent of <see cref="Depth"/>.</summary>
    public const int DepthShift = 3;

    /// <summary>The widest tile's rows and columns.</summary>
    public const int TileMax = 128;

    /// <summary>Elements that keep neighbouring depths of a tile out of each other's memory banks.</summary>
    public const int Padding = 4;

    public int M;
    public int N;
    public int K;

    // Distance in elements between neighbours in op(A) and op(B), along rows, columns and depth.
    public int RowStrideA;
    public int DepthStrideA;
    public int DepthStrideB;
    public int ColumnStrideB;

    // Threads of a group: columns and rows of them.
    public int ThreadColumnsShift;
    public int ThreadRowsShift;

    // Tiles in a row of C.
    public int TileColumns;

    // 1 where C is not read.
    public int IsBetaZero;

    public readonly int GroupSize => 1 << (ThreadColumnsShift + ThreadRowsShift);

    /// <summary>Tiles of C: groups to launch.</summary>
    public readonly int Tiles
    {
        get
        {
            int rows = PerThread << ThreadRowsShift;
            return checked(TileColumns * (int)(((long)M + rows - 1) / rows));
        }
    }

    /// <summary>Chooses tiles for a product on a device.</summary>
    /// <param name="operationA">How A enters.</param>
    /// <param name="operationB">How B enters.</param>
    /// <param name="m">Rows of C.</param>
    /// <param name="n">Columns of C.</param>
    /// <param name="k">Depth; 0 where the factors are not read.</param>
    /// <param name="isBetaZero">Whether C is only written.</param>
    /// <param name="groupSizeMax">The most threads that a group may have, 1 or more.</param>
    /// <param name="multiprocessors">Groups that the device runs at the same time, at the least.</param>
    public static GemmShape Of(
        MatrixOperation operationA, MatrixOperation operationB, int m, int n, int k, bool isBetaZero, int groupSizeMax, int multiprocessors)
    {
        var shape = new GemmShape
        {
            M = m,
            N = n,
            K = k,
            RowStrideA = operationA == MatrixOperation.None ? k : 1,
            DepthStrideA = operationA == MatrixOperation.None ? 1 : m,
            DepthStrideB = operationB == MatrixOperation.None ? n : 1,
            ColumnStrideB = operationB == MatrixOperation.None ? 1 : k,
            IsBetaZero = isBetaZero ? 1 : 0,
        };

        // Wide tiles reuse more of what they read; a product of few tiles leaves processors idle.
        foreach (int shift in (ReadOnlySpan<int>)[4, 3])
        {
            shape.SetThreads(shift, shift);
            if (shape.GroupSize <= groupSizeMax && (shift == 3 || shape.Tiles >= multiprocessors))
            {
                return shape;
            }
        }

        shape.SetThreads(Math.Min(3, int.Log2(groupSizeMax)), 0);
        return shape;
    }

    private void SetThreads(int columnsShift, int rowsShift)
    {
        ThreadColumnsShift = columnsShift;
        ThreadRowsShift = rowsShift;
        int columns = PerThread << columnsShift;
        TileColumns = (int)(((long)N + columns - 1) / columns);
    }
}
