using System.Numerics;
using System.Runtime.CompilerServices;
using StragglerGuard.Collectives.Devices;

namespace StragglerGuard.Benchmarks.Peers;

/// <summary>The product as the textbook has it.</summary>
internal static class TripleLoop
{
    // Called too seldom for the compiler to come back to it: optimised at once.
    /// <summary>C ← op(A)·op(B), all row-major.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Multiply<T>(MatrixOperation operationA, MatrixOperation operationB, int m, int n, int k, T[] a, T[] b, T[] c)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        int rowOfA = operationA == MatrixOperation.None ? k : 1;
        int columnOfA = operationA == MatrixOperation.None ? 1 : m;
        int rowOfB = operationB == MatrixOperation.None ? n : 1;
        int columnOfB = operationB == MatrixOperation.None ? 1 : k;
        for (int i = 0; i < m; i++)
        {
            for (int j = 0; j < n; j++)
            {
                T sum = T.Zero;
                for (int p = 0; p < k; p++)
                {
                    sum += a[(i * rowOfA) + (p * columnOfA)] * b[(p * rowOfB) + (j * columnOfB)];
                }

                c[(i * n) + j] = sum;
            }
        }
    }
}
