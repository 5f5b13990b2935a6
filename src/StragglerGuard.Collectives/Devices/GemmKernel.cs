using System.Numerics;
using System.Runtime.CompilerServices;

namespace StragglerGuard.Collectives.Devices;

/// <summary>
/// The innermost products: tiles of C whose elements stay in registers over the whole depth. Tiles are two registers wide and
/// eight or four rows high: eight need 19 registers, four need 11.
/// </summary>
/// <typeparam name="TLanes">Width of the registers.</typeparam>
/// <typeparam name="TVector">The register.</typeparam>
/// <typeparam name="T"><see cref="float"/> or <see cref="double"/>.</typeparam>
internal static unsafe class GemmKernel<TLanes, TVector, T>
    where TLanes : struct, ILanes<TVector, T>
    where TVector : struct
    where T : unmanaged, IFloatingPointIeee754<T>
{
    /// <summary>Columns of a tile.</summary>
    public static int TileColumns => 2 * TLanes.Count;

    /// <summary>Rows of the tile that suits the register file.</summary>
    public static int TileRows => TLanes.HasManyRegisters ? 8 : 4;

    /// <summary>C[r, c] ← α·Σ_p a[r·aRow + p·aStep] · b[p·bStep + c] + β·C[r, c] for 8 rows; with β = 0, C is not read.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Tile8(int depth, T alpha, T* a, nint aRow, nint aStep, T* b, nint bStep, T beta, T* c, nint cRow)
    {
        TVector c00 = default, c01 = default, c10 = default, c11 = default, c20 = default, c21 = default, c30 = default, c31 = default;
        TVector c40 = default, c41 = default, c50 = default, c51 = default, c60 = default, c61 = default, c70 = default, c71 = default;
        var lanes = (nint)TLanes.Count;
        var aRow2 = 2 * aRow;
        var aRow3 = 3 * aRow;
        var aHigh = a + (4 * aRow);
        for (var p = 0; p < depth; p++)
        {
            var b0 = TLanes.Load(b);
            var b1 = TLanes.Load(b + lanes);
            var x = TLanes.Broadcast(a[0]);
            c00 = TLanes.MultiplyAdd(x, b0, c00);
            c01 = TLanes.MultiplyAdd(x, b1, c01);
            x = TLanes.Broadcast(a[aRow]);
            c10 = TLanes.MultiplyAdd(x, b0, c10);
            c11 = TLanes.MultiplyAdd(x, b1, c11);
            x = TLanes.Broadcast(a[aRow2]);
            c20 = TLanes.MultiplyAdd(x, b0, c20);
            c21 = TLanes.MultiplyAdd(x, b1, c21);
            x = TLanes.Broadcast(a[aRow3]);
            c30 = TLanes.MultiplyAdd(x, b0, c30);
            c31 = TLanes.MultiplyAdd(x, b1, c31);
            x = TLanes.Broadcast(aHigh[0]);
            c40 = TLanes.MultiplyAdd(x, b0, c40);
            c41 = TLanes.MultiplyAdd(x, b1, c41);
            x = TLanes.Broadcast(aHigh[aRow]);
            c50 = TLanes.MultiplyAdd(x, b0, c50);
            c51 = TLanes.MultiplyAdd(x, b1, c51);
            x = TLanes.Broadcast(aHigh[aRow2]);
            c60 = TLanes.MultiplyAdd(x, b0, c60);
            c61 = TLanes.MultiplyAdd(x, b1, c61);
            x = TLanes.Broadcast(aHigh[aRow3]);
            c70 = TLanes.MultiplyAdd(x, b0, c70);
            c71 = TLanes.MultiplyAdd(x, b1, c71);
            a += aStep;
            aHigh += aStep;
            b += bStep;
        }

        var al = TLanes.Broadcast(alpha);
        var be = TLanes.Broadcast(beta);
        var read = beta != T.Zero;
        StoreRow(c, c00, c01, al, be, read);
        StoreRow(c += cRow, c10, c11, al, be, read);
        StoreRow(c += cRow, c20, c21, al, be, read);
        StoreRow(c += cRow, c30, c31, al, be, read);
        StoreRow(c += cRow, c40, c41, al, be, read);
        StoreRow(c += cRow, c50, c51, al, be, read);
        StoreRow(c += cRow, c60, c61, al, be, read);
        StoreRow(c + cRow, c70, c71, al, be, read);
    }

    /// <summary>As <see cref="Tile8"/>, for 4 rows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Tile4(int depth, T alpha, T* a, nint aRow, nint aStep, T* b, nint bStep, T beta, T* c, nint cRow)
    {
        TVector c00 = default, c01 = default, c10 = default, c11 = default, c20 = default, c21 = default, c30 = default, c31 = default;
        var lanes = (nint)TLanes.Count;
        var aRow2 = 2 * aRow;
        var aRow3 = 3 * aRow;
        for (var p = 0; p < depth; p++)
        {
            var b0 = TLanes.Load(b);
            var b1 = TLanes.Load(b + lanes);
            var x = TLanes.Broadcast(a[0]);
            c00 = TLanes.MultiplyAdd(x, b0, c00);
            c01 = TLanes.MultiplyAdd(x, b1, c01);
            x = TLanes.Broadcast(a[aRow]);
            c10 = TLanes.MultiplyAdd(x, b0, c10);
            c11 = TLanes.MultiplyAdd(x, b1, c11);
            x = TLanes.Broadcast(a[aRow2]);
            c20 = TLanes.MultiplyAdd(x, b0, c20);
            c21 = TLanes.MultiplyAdd(x, b1, c21);
            x = TLanes.Broadcast(a[aRow3]);
            c30 = TLanes.MultiplyAdd(x, b0, c30);
            c31 = TLanes.MultiplyAdd(x, b1, c31);
            a += aStep;
            b += bStep;
        }

        var al = TLanes.Broadcast(alpha);
        var be = TLanes.Broadcast(beta);
        var read = beta != T.Zero;
        StoreRow(c, c00, c01, al, be, read);
        StoreRow(c += cRow, c10, c11, al, be, read);
        StoreRow(c += cRow, c20, c21, al, be, read);
        StoreRow(c + cRow, c30, c31, al, be, read);
    }

    /// <summary>
    /// C[r, c] ← α·(row r of A · row c of B) + β·C[r, c] for 4 rows of A and 2 of B, both running along the depth: for a B that
    /// is stored transposed and used too few times to be worth turning round. With β = 0, C is not read.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Dot4x2(int depth, T alpha, T* a, nint aRow, T* b, nint bRow, T beta, T* c, nint cRow)
    {
        TVector c00 = default, c01 = default, c10 = default, c11 = default, c20 = default, c21 = default, c30 = default, c31 = default;
        var lanes = TLanes.Count;
        T* a1 = a + aRow, a2 = a1 + aRow, a3 = a2 + aRow, b1 = b + bRow;
        nint p = 0;
        for (; p <= depth - lanes; p += lanes)
        {
            var y0 = TLanes.Load(b + p);
            var y1 = TLanes.Load(b1 + p);
            var x = TLanes.Load(a + p);
            c00 = TLanes.MultiplyAdd(x, y0, c00);
            c01 = TLanes.MultiplyAdd(x, y1, c01);
            x = TLanes.Load(a1 + p);
            c10 = TLanes.MultiplyAdd(x, y0, c10);
            c11 = TLanes.MultiplyAdd(x, y1, c11);
            x = TLanes.Load(a2 + p);
            c20 = TLanes.MultiplyAdd(x, y0, c20);
            c21 = TLanes.MultiplyAdd(x, y1, c21);
            x = TLanes.Load(a3 + p);
            c30 = TLanes.MultiplyAdd(x, y0, c30);
            c31 = TLanes.MultiplyAdd(x, y1, c31);
        }

        T s00 = TLanes.Sum(c00), s01 = TLanes.Sum(c01), s10 = TLanes.Sum(c10), s11 = TLanes.Sum(c11);
        T s20 = TLanes.Sum(c20), s21 = TLanes.Sum(c21), s30 = TLanes.Sum(c30), s31 = TLanes.Sum(c31);
        for (; p < depth; p++)
        {
            T y0 = b[p], y1 = b1[p];
            s00 += a[p] * y0;
            s01 += a[p] * y1;
            s10 += a1[p] * y0;
            s11 += a1[p] * y1;
            s20 += a2[p] * y0;
            s21 += a2[p] * y1;
            s30 += a3[p] * y0;
            s31 += a3[p] * y1;
        }

        StorePair(c, s00, s01, alpha, beta);
        StorePair(c += cRow, s10, s11, alpha, beta);
        StorePair(c += cRow, s20, s21, alpha, beta);
        StorePair(c + cRow, s30, s31, alpha, beta);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreRow(T* c, TVector left, TVector right, TVector alpha, TVector beta, bool read)
    {
        left = TLanes.Multiply(left, alpha);
        right = TLanes.Multiply(right, alpha);
        var lanes = TLanes.Count;
        if (read)
        {
            left = TLanes.MultiplyAdd(beta, TLanes.Load(c), left);
            right = TLanes.MultiplyAdd(beta, TLanes.Load(c + lanes), right);
        }

        TLanes.Store(left, c);
        TLanes.Store(right, c + lanes);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StorePair(T* c, T left, T right, T alpha, T beta)
    {
        var read = beta != T.Zero;
        c[0] = read ? (alpha * left) + (beta * c[0]) : alpha * left;
        c[1] = read ? (alpha * right) + (beta * c[1]) : alpha * right;
    }
}
