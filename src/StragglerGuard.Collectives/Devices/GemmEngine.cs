using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace StragglerGuard.Collectives.Devices;

/// <summary>
/// C ← α·op(A)·op(B) + β·C for one element type: blocks that stay in cache, panels packed where they are used often enough to pay
/// for it, tiles of C in registers.
/// </summary>
/// <remarks>
/// The loop order is that of K. Goto, R. van de Geijn, "Anatomy of High-Performance Matrix Multiplication", ACM TOMS 34(3), 2008.
/// A micro-batch's matrices are small: there packing costs more than it saves, so a factor is read where it lies as long as few
/// tiles use it. Scratch memory is reserved once. One thread at a time.
/// </remarks>
internal sealed unsafe class GemmEngine<T> : IDisposable
    where T : unmanaged, IFloatingPointIeee754<T>
{
    // Depth of a block: a B panel of it (32 columns of fp32 or 16 of fp64) fills 32 KiB, a first-level cache.
    private const int BlockDepth = 256;

    // A's block stays in the second-level cache, B's in the third.
    private const int BlockRows = 128;
    private const int BlockColumns = 1024;

    // Up to here a B that lies right is read in place: each panel of it is used at most BlockRows / 8 times.
    private const int DirectRowsMax = 64;

    // Up to here a B that lies transposed is multiplied by dot products instead of being turned round.
    private const int DotRowsMax = 16;

    // Up to here A is read in place.
    private const int DirectColumnsMax = 1024;

    private const nuint AlignmentBytes = 64;

    private readonly delegate*<int, T, T*, nint, nint, T*, nint, T, T*, nint, void> _tileFull;
    private readonly delegate*<int, T, T*, nint, nint, T*, nint, T, T*, nint, void> _tile4;
    private readonly delegate*<int, T, T*, nint, T*, nint, T, T*, nint, void> _dot4x2;
    private readonly int _tileRows;
    private readonly int _tileColumns;
    private T* _packedA;
    private T* _packedB;
    private T* _edge;

    public GemmEngine()
    {
        if (Vector512.IsHardwareAccelerated)
        {
            _tileFull = &GemmKernel<Lanes512<T>, Vector512<T>, T>.Tile8;
            _tile4 = &GemmKernel<Lanes512<T>, Vector512<T>, T>.Tile4;
            _dot4x2 = &GemmKernel<Lanes512<T>, Vector512<T>, T>.Dot4x2;
            _tileRows = GemmKernel<Lanes512<T>, Vector512<T>, T>.TileRows;
            _tileColumns = GemmKernel<Lanes512<T>, Vector512<T>, T>.TileColumns;
        }
        else if (Vector256.IsHardwareAccelerated)
        {
            _tileFull = &GemmKernel<Lanes256<T>, Vector256<T>, T>.Tile4;
            _tile4 = _tileFull;
            _dot4x2 = &GemmKernel<Lanes256<T>, Vector256<T>, T>.Dot4x2;
            _tileRows = GemmKernel<Lanes256<T>, Vector256<T>, T>.TileRows;
            _tileColumns = GemmKernel<Lanes256<T>, Vector256<T>, T>.TileColumns;
        }
        else
        {
            _tile4 = &GemmKernel<Lanes128<T>, Vector128<T>, T>.Tile4;
            _tileRows = GemmKernel<Lanes128<T>, Vector128<T>, T>.TileRows;
            _tileFull = _tileRows == 8 ? &GemmKernel<Lanes128<T>, Vector128<T>, T>.Tile8 : _tile4;
            _dot4x2 = &GemmKernel<Lanes128<T>, Vector128<T>, T>.Dot4x2;
            _tileColumns = GemmKernel<Lanes128<T>, Vector128<T>, T>.TileColumns;
        }

        _packedA = Reserve(BlockRows * BlockDepth);
        _packedB = Reserve(BlockColumns * BlockDepth);
        _edge = Reserve(_tileRows * _tileColumns);
    }

    ~GemmEngine() => Free();

    /// <summary>The product; A is m×k (k×m when transposed), B is k×n (n×k when transposed), C is m×n, all dense and row-major.</summary>
    public void Multiply(bool transposeA, bool transposeB, int m, int n, int k, T alpha, T* a, T* b, T beta, T* c)
    {
        if (m == 0 || n == 0)
        {
            return;
        }

        if (k == 0 || alpha == T.Zero)
        {
            ScaleOnly(new Span<T>(c, checked(m * n)), beta);
        }
        else if (transposeB && !transposeA && m <= DotRowsMax)
        {
            MultiplyByDots(m, n, k, alpha, a, b, beta, c);
        }
        else
        {
            var left = transposeA ? new Factor(a, 1, m) : new Factor(a, k, 1);
            var right = transposeB ? new Factor(b, k, 1) : new Factor(b, 1, n);
            MultiplyInBlocks(m, n, k, alpha, left, right, beta, c);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private static T* Reserve(int elements) => (T*)NativeMemory.AlignedAlloc((nuint)elements * (nuint)sizeof(T), AlignmentBytes);

    private static void ScaleOnly(Span<T> c, T beta)
    {
        if (beta == T.Zero)
        {
            c.Clear();
        }
        else if (beta != T.One)
        {
            TensorPrimitives.Multiply<T>(c, beta, c);
        }
    }

    /// <summary>Lays <paramref name="width"/> rows (or columns) side by side, depth by depth; missing ones become zero.</summary>
    private static void Pack(Factor source, int depth, int present, int width, T* panel)
    {
        if (source.Across == 1)
        {
            var from = source.Origin;
            for (var p = 0; p < depth; p++, from += source.Along, panel += width)
            {
                new ReadOnlySpan<T>(from, present).CopyTo(new Span<T>(panel, present));
                new Span<T>(panel + present, width - present).Clear();
            }

            return;
        }

        for (var i = 0; i < width; i++)
        {
            var to = panel + i;
            if (i >= present)
            {
                for (var p = 0; p < depth; p++, to += width)
                {
                    *to = T.Zero;
                }

                continue;
            }

            var from = source.Origin + (i * source.Across);
            for (var p = 0; p < depth; p++, to += width, from += source.Along)
            {
                *to = *from;
            }
        }
    }

    private void MultiplyInBlocks(int m, int n, int k, T alpha, Factor a, Factor b, T beta, T* c)
    {
        var packB = b.Across != 1 || m > DirectRowsMax;
        var packA = n > DirectColumnsMax;
        for (var column = 0; column < n; column += BlockColumns)
        {
            var columns = Math.Min(BlockColumns, n - column);
            for (var step = 0; step < k; step += BlockDepth)
            {
                var depth = Math.Min(BlockDepth, k - step);
                var blockB = b.At(column, step);
                PackPanels(blockB, depth, columns, _tileColumns, _packedB, packB);
                for (var row = 0; row < m; row += BlockRows)
                {
                    var rows = Math.Min(BlockRows, m - row);
                    var blockA = a.At(row, step);
                    PackPanels(blockA, depth, rows, _tileRows, _packedA, packA);
                    MultiplyBlock(
                        rows, columns, depth, alpha, blockA, packA, blockB, packB,
                        step == 0 ? beta : T.One, c + ((nint)row * n) + column, n);
                }
            }
        }
    }

    /// <summary>Packs all panels of a block, or only the incomplete last one, which can't be read in place.</summary>
    private static void PackPanels(Factor block, int depth, int count, int width, T* packed, bool all)
    {
        for (var i = all ? 0 : count - (count % width); i < count; i += width)
        {
            Pack(block.At(i, 0), depth, Math.Min(width, count - i), width, packed + ((nint)i * depth));
        }
    }

    private void MultiplyBlock(
        int rows, int columns, int depth, T alpha, Factor a, bool packedA, Factor b, bool packedB, T beta, T* c, nint cRow)
    {
        for (var j = 0; j < columns; j += _tileColumns)
        {
            var wide = Math.Min(_tileColumns, columns - j);
            var inPlaceB = !packedB && wide == _tileColumns;
            var panelB = inPlaceB ? b.Origin + j : _packedB + ((nint)j * depth);
            var stepB = inPlaceB ? b.Along : _tileColumns;
            for (var i = 0; i < rows; i += _tileRows)
            {
                var high = Math.Min(_tileRows, rows - i);
                var inPlaceA = !packedA && high == _tileRows;
                var panelA = inPlaceA ? a.Origin + (i * a.Across) : _packedA + ((nint)i * depth);
                var rowA = inPlaceA ? a.Across : 1;
                var stepA = inPlaceA ? a.Along : _tileRows;
                var target = c + (i * cRow) + j;
                var tile = high > 4 ? _tileFull : _tile4;
                if (wide == _tileColumns && (high == _tileRows || high == 4))
                {
                    tile(depth, alpha, panelA, rowA, stepA, panelB, stepB, beta, target, cRow);
                }
                else
                {
                    // β = 0: the edge tile starts from nothing; β is applied to the part of it that C has.
                    tile(depth, alpha, panelA, rowA, stepA, panelB, stepB, T.Zero, _edge, _tileColumns);
                    MergeEdge(high, wide, beta, target, cRow);
                }
            }
        }
    }

    private void MergeEdge(int high, int wide, T beta, T* c, nint cRow)
    {
        for (var r = 0; r < high; r++, c += cRow)
        {
            var from = _edge + (r * _tileColumns);
            for (var x = 0; x < wide; x++)
            {
                c[x] = beta == T.Zero ? from[x] : from[x] + (beta * c[x]);
            }
        }
    }

    private void MultiplyByDots(int m, int n, int k, T alpha, T* a, T* b, T beta, T* c)
    {
        var fullRows = m - (m % 4);
        var fullColumns = n - (n % 2);
        for (var j = 0; j < fullColumns; j += 2)
        {
            for (var i = 0; i < fullRows; i += 4)
            {
                _dot4x2(k, alpha, a + ((nint)i * k), k, b + ((nint)j * k), k, beta, c + ((nint)i * n) + j, n);
            }
        }

        for (var i = 0; i < m; i++)
        {
            for (var j = i < fullRows ? fullColumns : 0; j < n; j++)
            {
                var dot = alpha * TensorPrimitives.Dot(
                    new ReadOnlySpan<T>(a + ((nint)i * k), k), new ReadOnlySpan<T>(b + ((nint)j * k), k));
                var target = c + ((nint)i * n) + j;
                *target = beta == T.Zero ? dot : dot + (beta * *target);
            }
        }
    }

    private void Free()
    {
        NativeMemory.AlignedFree(_packedA);
        NativeMemory.AlignedFree(_packedB);
        NativeMemory.AlignedFree(_edge);
        _packedA = null;
        _packedB = null;
        _edge = null;
    }

    /// <summary>One factor as it lies in memory: the distance between neighbours across the product's depth, and along it.</summary>
    private readonly struct Factor(T* origin, nint across, nint along)
    {
        public T* Origin { get; } = origin;

        public nint Across { get; } = across;

        public nint Along { get; } = along;

        public Factor At(int index, int step) => new(Origin + (index * Across) + (step * Along), Across, Along);
    }
}
