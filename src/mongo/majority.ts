/** A write that the answer says is on the disks of a majority of the members. */
export const majority = { writeConcern: { w: "majority", journal: true } } as const;
